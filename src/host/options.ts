import { parseArgs } from "node:util";
import { z } from "zod";
import { CorsSettings } from "../contract/cors.ts";
import { isTenantId, TENANT_ID_SHAPE, type TenantId } from "../contract/ids.ts";
import type { Readers } from "../core/runtime.ts";

/** How the embedded host runs. Flags win over `SLUICE_*` variables, those over the defaults. */
export interface HostOptions {
  /** Where data is kept; undefined with `memory`. */
  readonly dataDir: string | undefined;
  readonly port: number;
  readonly host: string;
  /** A folder of documents in place of the app's. */
  readonly corpus: string | undefined;
  /** A model in place of the app's. */
  readonly model: string | undefined;
  /** The app module's path. */
  readonly app: string;
  /** A file of key hashes; with it, every route but /healthz needs a key. */
  readonly keys: string | undefined;
  readonly synchronous: "FULL" | "NORMAL";
  readonly readers: Readers;
  /** Webhooks may go to this machine, and there without TLS. */
  readonly webhooksToLoopback: boolean;
  /** Web pages of which origins may call. */
  readonly cors: CorsSettings | undefined;
  readonly logLevel: "DEBUG" | "INFO" | "WARN" | "ERROR";
}

/** What is wrong with the command line, the environment, or what they name. Shown without a stack. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** Of these, what the command line and the environment say by themselves. */
export class OptionsError extends StartError {}

export const DEFAULT_PORT = 8787;
/** A stream costs about 50 KB; beyond them the steps of jobs would wait for what is told of them. */
export const DEFAULT_READERS: Readers = { streams: 2_000, waits: 2_000 };
const FLAGS = {
  data: { type: "string" },
  port: { type: "string" },
  host: { type: "string" },
  memory: { type: "boolean" },
  corpus: { type: "string" },
  model: { type: "string" },
  app: { type: "string" },
  keys: { type: "string" },
  cors: { type: "string", multiple: true },
  synchronous: { type: "string" },
  streams: { type: "string" },
  waits: { type: "string" },
  "webhooks-to-loopback": { type: "boolean" },
  "log-level": { type: "string" },
  help: { type: "boolean" },
} as const;

export const USAGE = `Usage: npm start -- [flags]
       sluice-embedded [flags]      where the package is installed

  --data DIR          where jobs are kept (default .sluice)
  --memory            keep nothing: jobs are gone with the process
  --port N            default ${DEFAULT_PORT}; 0 takes a free one
  --host ADDRESS      default 127.0.0.1; any other needs --keys
  --keys FILE         JSON {"keys":[{"tenant":"acme","sha256":"…"}]}: hashes of the keys that callers must send
  --cors ORIGIN       let web pages of this origin call, such as http://localhost:5173; may be given several times.
                      '*', with --keys only: all (SLUICE_CORS: with commas between)
  --app FILE          the app module (default app/sluice.ts)
  --corpus DIR        documents for retrieval, in place of the app's
  --model NAME        model for completions, in place of the app's
  --synchronous MODE  FULL (default): a job answered 202 survives a power cut; NORMAL: a crash only
  --streams N         most readers of server-sent events at once (default ${DEFAULT_READERS.streams}); 0: none
  --waits N           most callers at once whose answer waits (Prefer: wait; default ${DEFAULT_READERS.waits}); 0: none
  --webhooks-to-loopback
                      let webhooks go to http://localhost and the like: for development
  --log-level LEVEL   DEBUG, INFO, WARN (default) or ERROR

Each flag is also a variable: SLUICE_DATA, SLUICE_PORT, SLUICE_LOG_LEVEL, …`;

const count = (usual: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, "must be a whole number up to 999999")
    .transform(Number)
    .default(usual);

const Values = z.object({
  data: z.string().min(1).optional(),
  memory: z.boolean().default(false),
  port: z
    .string()
    .regex(/^\d{1,5}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().max(65_535))
    .default(DEFAULT_PORT),
  host: z.string().min(1).default("127.0.0.1"),
  corpus: z.string().min(1).optional(),
  model: z.string().min(1).optional(),
  app: z.string().min(1).default("app/sluice.ts"),
  keys: z.string().min(1).optional(),
  cors: CorsSettings.shape.origins.optional(),
  synchronous: z.enum(["FULL", "NORMAL"]).default("FULL"),
  streams: count(DEFAULT_READERS.streams),
  waits: count(DEFAULT_READERS.waits),
  "webhooks-to-loopback": z.boolean().default(false),
  "log-level": z.enum(["DEBUG", "INFO", "WARN", "ERROR"]).default("WARN"),
});

/** Throws {@link OptionsError} that names each flag or variable that is wrong. `"help"` when only help was asked for. */
export function parseOptions(argv: readonly string[], env: NodeJS.ProcessEnv): HostOptions | "help" {
  const flags = flagsOf(argv);
  if (flags.help) return "help";
  const given: Record<string, unknown> = {};
  for (const name of Object.keys(Values.shape)) {
    const variable = env[variableOf(name)];
    given[name] = flags[name as keyof typeof flags] ?? (variable === "" ? undefined : fromVariable(name, variable));
  }
  const parsed = Values.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => {
      const name = String(path[0]);
      return `--${name} (${variableOf(name)}): ${message}; got ${JSON.stringify(given[name])}`;
    });
    throw new OptionsError(problems.join("\n"));
  }
  const { data, memory, streams, waits, ...others } = parsed.data;
  const { cors: origins, "log-level": logLevel, "webhooks-to-loopback": webhooksToLoopback, ...rest } = others;
  if (memory && flags.data !== undefined)
    throw new OptionsError("--memory keeps nothing and --data names where to: give one of them");
  const options: HostOptions = {
    ...rest,
    corpus: rest.corpus,
    model: rest.model,
    keys: rest.keys,
    cors: origins && { origins },
    logLevel,
    readers: { streams, waits },
    webhooksToLoopback,
    dataDir: memory ? undefined : (data ?? ".sluice"),
  };
  if (!isLoopback(options.host) && options.keys === undefined) {
    throw new OptionsError(
      `--host ${options.host} would let other machines in without a key: give --keys FILE too, or leave --host at 127.0.0.1`,
    );
  }
  return options;
}

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);

const variableOf = (name: string): string => `SLUICE_${name.toUpperCase().replaceAll("-", "_")}`;

function fromVariable(name: string, value: string | undefined): unknown {
  const isSwitch = FLAGS[name as keyof typeof FLAGS].type === "boolean";
  if (name === "cors") return value?.split(",").map((origin) => origin.trim());
  return isSwitch && value !== undefined ? value === "1" || value === "true" : value;
}

function flagsOf(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new OptionsError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

/** The tenant of a caller on this machine. `x-tenant-id` counts only while no keys are set. */
export function localTenant(header: string | undefined): TenantId {
  const tenant = header ?? "default";
  if (isTenantId(tenant)) return tenant;
  throw new RangeError(`x-tenant-id must be ${TENANT_ID_SHAPE}; got ${JSON.stringify(tenant)}`);
}
