/** What the suite runs against, and all that it knows of it. */
export const TARGETS = ["embedded", "emulator", "aws"] as const;
export type Target = (typeof TARGETS)[number];

export interface Connection {
  readonly target: Target;
  /** Where `v1/jobs` is below; ends in a slash. */
  readonly url: string;
  /** Where clients connect by WebSocket. */
  readonly socketUrl: string;
  /** Two keys, of two tenants. */
  readonly key: string;
  readonly otherKey: string;
}

/** How the environment names a target that is up already; without these the embedded engine is started. */
export const VARIABLES = {
  target: "SLUICE_CONFORMANCE_TARGET",
  url: "SLUICE_CONFORMANCE_URL",
  socketUrl: "SLUICE_CONFORMANCE_SOCKET_URL",
  key: "SLUICE_CONFORMANCE_KEY",
  otherKey: "SLUICE_CONFORMANCE_OTHER_KEY",
} as const satisfies Record<keyof Connection, string>;

/** How long things may take, in ms. A case that waits longer than this has failed. */
export interface Patience {
  /** Until a job has ended or waits for a person, its retries included. */
  readonly settleMs: number;
  /** Until the list, a count or another thing that may be late says so. */
  readonly lateMs: number;
  /** Until a job that is past its deadline has expired: on AWS the reconciler looks once a minute. */
  readonly expireMs: number;
  /** A deadline that comes soon, but not before a job's first call has begun or its first step was given up. */
  readonly deadlineMs: number;
  /** How long a workflow that a case has repaired is broken before: longer than the three tries that it gets. */
  readonly repairMs: number;
  readonly pollMs: number;
}

export const PATIENCE: Readonly<Record<Target, Patience>> = {
  embedded: { settleMs: 20_000, lateMs: 10_000, expireMs: 20_000, deadlineMs: 3_000, repairMs: 9_000, pollMs: 20 },
  emulator: { settleMs: 60_000, lateMs: 30_000, expireMs: 150_000, deadlineMs: 12_000, repairMs: 20_000, pollMs: 250 },
  aws: { settleMs: 90_000, lateMs: 90_000, expireMs: 150_000, deadlineMs: 12_000, repairMs: 30_000, pollMs: 500 },
};

/** Cases under way at once in one file. The emulator starts a process for each function that is called at once. */
export const CONCURRENCY: Readonly<Record<Target, number>> = { embedded: 8, emulator: 4, aws: 8 };

/** The target that the environment names, or undefined. Throws where only part of it is there. */
export function connectionOf(env: NodeJS.ProcessEnv): Connection | undefined {
  const given = Object.values(VARIABLES).filter((name) => env[name]);
  if (given.length === 0) return undefined;
  const value = (of: keyof Connection): string => {
    const text = env[VARIABLES[of]];
    if (text) return text;
    throw new Error(`${VARIABLES[of]} is missing, beside ${given.join(", ")}: give all or none`);
  };
  const target = TARGETS.find((known) => known === value("target"));
  if (target === undefined) {
    throw new Error(`${VARIABLES.target} must be one of ${TARGETS.join(", ")}; got ${JSON.stringify(value("target"))}`);
  }
  const url = withSlash(value("url"));
  return { target, url, socketUrl: value("socketUrl"), key: value("key"), otherKey: value("otherKey") };
}

/** Where the socket is beside an HTTP API that serves both, as the embedded engine does. */
export const socketBeside = (url: string): string => `${withSlash(url).replace(/^http/, "ws")}v1/socket`;

export const withSlash = (url: string): string => (url.endsWith("/") ? url : `${url}/`);

declare module "vitest" {
  interface ProvidedContext {
    connection: Connection;
  }
}
