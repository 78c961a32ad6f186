import { PerformanceObserver } from "node:perf_hooks";
import type { EventLog } from "../src/core/ports.ts";
import type { Resources } from "../src/core/resources.ts";
import type { Logger } from "../src/core/runtime.ts";
import type { JobStatus } from "../src/core/state.ts";
import { type Embedded, startEmbedded } from "../src/host/host.ts";
import { benchApp, type StepTimes } from "./bench-app.ts";
import { sharedNow } from "./channels/channel.ts";
import { announce, optionsOfChild } from "./children.ts";
import { claimApp } from "./claim/claim-app.ts";
import { streamApp } from "./stream/stream-app.ts";

/** The server under test, in a process of its own: the embedded host as it is, watched from inside. */
export interface ServerOptions {
  readonly app:
    | { readonly steps: StepTimes; readonly concurrency?: number }
    | { readonly modelUrl: string }
    | { readonly streamFrom: string };
  readonly dataDir: string;
  readonly synchronous: "FULL" | "NORMAL";
  /** Keep the times of every step. @default false */
  readonly recordRuns?: boolean;
  /** Keep when each commit was durable. @default false */
  readonly recordCommits?: boolean;
}

/** What the server has spent so far. */
export interface ServerStats {
  readonly cpuUs: number;
  readonly gcMs: number;
  readonly rssMb: number;
  readonly heapMb: number;
  readonly transactions: number;
  readonly appends: number;
  readonly conflicts: number;
  /** What was logged as a warning or an error, and how often. */
  readonly complaints: Readonly<Record<string, number>>;
}

/** `[job, step, started, ended]`, in ms of the server's clock. */
export type StepRun = readonly [jobId: string, stepId: string, startedMs: number, endedMs: number];

/** `[job, seq of its last event, when it was durable]`, in ms of {@link sharedNow}. */
export type CommitTime = readonly [jobId: string, seq: number, atMs: number];

export type ToServer = { readonly ask: number; readonly what: "stats" | "runs" | "commits" | "close" };
export type FromServer =
  | { readonly ended: readonly (readonly [jobId: string, status: JobStatus])[] }
  | { readonly ask: number; readonly answer: unknown };

async function main(): Promise<void> {
  const { app, dataDir, synchronous, recordRuns, recordCommits } = optionsOfChild<ServerOptions>();
  const complaints: Record<string, number> = {};
  const count = (message: string): void => {
    complaints[message] = (complaints[message] ?? 0) + 1;
  };
  let conflicts = 0;
  const logger: Logger = {
    debug: (message) => {
      if (message === "append conflict") conflicts += 1;
    },
    info: () => {},
    warn: count,
    error: (message, data) => count(`${message} ${JSON.stringify(data).slice(0, 200)}`),
  };
  const runs: StepRun[] = [];
  const commits: CommitTime[] = [];
  const benched =
    "streamFrom" in app
      ? streamApp(`openai-compatible:${app.streamFrom}/v1#bench`)
      : "modelUrl" in app
        ? claimApp(app.modelUrl)
        : benchApp(app.steps, recordRuns ? (...run) => runs.push(run) : undefined, app.concurrency);
  const embedded = startEmbedded({
    app: benched,
    resources: { ...resources, model: benched.model },
    logger,
    dataDir,
    synchronous,
  });
  const onEnded = (ended: [string, JobStatus][]): void => void process.send?.({ ended } satisfies FromServer);
  const appends = watch(embedded.runtime.log, onEnded, recordCommits ? (commit) => commits.push(commit) : undefined);
  const gcMs = collectionTime();
  const stats = (): ServerStats => {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      cpuUs: user + system,
      gcMs: gcMs(),
      rssMb: rss / 2 ** 20,
      heapMb: heapUsed / 2 ** 20,
      transactions: embedded.transactions(),
      appends: appends(),
      conflicts,
      complaints,
    };
  };
  process.on("message", ({ ask, what }: ToServer) => {
    const reply = (answer: unknown): void => void process.send?.({ ask, answer } satisfies FromServer);
    if (what === "stats") reply(stats());
    else if (what === "runs") reply(runs.splice(0));
    else if (what === "commits") reply(commits.splice(0));
    else close(embedded, reply);
  });
  announce(await embedded.listen(0, "127.0.0.1"));
}

const resources: Resources = {
  tools: new Map(),
  model: "none",
  price: undefined,
  corpus: { search: () => [], read: () => undefined },
};

function close(embedded: Embedded, reply: (answer: unknown) => void): void {
  embedded.close(1_000).then(
    (cutOff) => {
      reply(cutOff);
      process.disconnect();
    },
    () => process.exit(1),
  );
}

/**
 * Tells of every job whose terminal commit is durable, once a turn of the event loop. Reading the log over HTTP
 * instead would load the server with as many requests as it serves. Returns how many commits were appended.
 */
function watch(
  log: EventLog,
  onEnded: (jobs: [string, JobStatus][]) => void,
  onCommit: ((commit: CommitTime) => void) | undefined,
): () => number {
  let appended = 0;
  let ended: [string, JobStatus][] = [];
  const append = log.append.bind(log);
  log.append = async (commit, effects) => {
    const outcome = await append(commit, effects);
    if (outcome !== "appended") return outcome;
    appended += 1;
    onCommit?.([commit.jobId, commit.lastSeq, sharedNow()]);
    const status = (effects?.headChange ?? effects?.head)?.status;
    if (status !== undefined && status !== "running") {
      ended.push([commit.jobId, status]);
      if (ended.length === 1) {
        setImmediate(() => {
          onEnded(ended);
          ended = [];
        });
      }
    }
    return outcome;
  };
  return () => appended;
}

function collectionTime(): () => number {
  let totalMs = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) totalMs += duration;
  }).observe({ entryTypes: ["gc"] });
  return () => totalMs;
}

await main();
