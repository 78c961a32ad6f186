import type { ParseArgsOptionsConfig } from "node:util";
import type { SluiceClient } from "../client.ts";
import type { Terminal } from "./terminal.ts";

/** How the tool ends. Documented in docs/client.md. */
export const EXIT = {
  done: 0,
  /** The job has ended without a result, or a log is not whole. */
  failed: 1,
  usage: 2,
  /** The server said no. */
  refused: 3,
  /** The server was not reached. */
  unreachable: 4,
  /** The job waits for a person. */
  waits: 5,
  /** By Ctrl-C, as shells have it. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command line is wrong. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Which server, and as whom. */
export interface Server {
  readonly url: string;
  readonly key: string | undefined;
  readonly tenant: string | undefined;
}

/** What every command is given. */
export interface Context {
  readonly client: SluiceClient;
  readonly terminal: Terminal;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
  /** `--json`: stdout is for programs. */
  readonly json: boolean;
  readonly server: Server;
  /** How the server was named on the command line, to be said again in commands that are proposed: ` --url …`, or nothing. */
  readonly connection: string;
}

/** The values of a command's flags, by name. Flags that take values are strings, or lists of them where they may be repeated. */
export class Flags {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  all(): Readonly<Record<string, unknown>> {
    return this.#values;
  }

  has(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new UsageError(`--${name} is needed`);
    return value;
  }

  /** A whole number from 0. */
  count(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text)) throw new UsageError(`--${name} must be a whole number; got ${JSON.stringify(text)}`);
    return Number(text);
  }

  number(name: string): number | undefined {
    const text = this.text(name);
    const value = Number(text);
    if (text !== undefined && (text.trim() === "" || !Number.isFinite(value))) {
      throw new UsageError(`--${name} must be a number; got ${JSON.stringify(text)}`);
    }
    return text === undefined ? undefined : value;
  }
}

/** The flags of every command, beside its own. */
export const GLOBAL_OPTIONS = {
  url: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;
export type GlobalFlag = keyof typeof GLOBAL_OPTIONS;

export interface Command {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** After `sluice NAME`, such as `ID [flags]`. */
  readonly usage: string;
  /** Names of what must be given, in order. */
  readonly positionals: readonly string[];
  readonly options: ParseArgsOptionsConfig;
  /** A line for each flag. */
  readonly flags: readonly (readonly [flag: string, meaning: string])[];
  readonly examples: readonly string[];
  /** Flags that are not in `options` are taken, each with a value. */
  readonly openFlags?: boolean;
  /** Flags of every command that are none of this one. */
  readonly without?: readonly GlobalFlag[];
  /** Everything after the name belongs to another program. */
  readonly raw?: boolean;
  run(context: Context, positionals: readonly string[], flags: Flags): Promise<ExitCode>;
}
