import { parseArgs } from "node:util";
import { SluiceClient } from "../client.ts";
import { ConnectionError, OptionError, SluiceError, UnavailableError } from "../errors.ts";
import {
  type Command,
  type Context,
  EXIT,
  type ExitCode,
  Flags,
  GLOBAL_OPTIONS,
  type GlobalFlag,
  type Server,
  UsageError,
} from "./command.ts";
import { deadLetters } from "./commands/dead-letters.ts";
import { cancel, discard, fork, redrive, signal as signalCommand } from "./commands/decide.ts";
import { events } from "./commands/events.ts";
import { explainCommand } from "./commands/explain.ts";
import { get } from "./commands/get.ts";
import { list } from "./commands/list.ts";
import { exportLog, start, verify } from "./commands/server.ts";
import { submit } from "./commands/submit.ts";
import { watch } from "./commands/watch.ts";
import { helpOf, overview } from "./help.ts";
import { quoted } from "./quoted.ts";
import type { Terminal } from "./terminal.ts";

const COMMANDS: readonly Command[] = [
  submit,
  watch,
  get,
  list,
  events,
  explainCommand,
  deadLetters,
  redrive,
  discard,
  cancel,
  signalCommand,
  fork,
  exportLog,
  verify,
  start,
];

const DEFAULT_URL = "http://127.0.0.1:8787";

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly terminal: Terminal;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Runs one command line, all of it but the process. Resolves with the exit status; what went wrong has been said. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { terminal, signal } = surroundings;
  try {
    return await dispatch(args, surroundings);
  } catch (error) {
    if (signal.aborted) return said(terminal, "interrupted; what was submitted goes on", EXIT.interrupted);
    if (error instanceof UsageError || error instanceof OptionError) return said(terminal, error.message, EXIT.usage);
    if (error instanceof SluiceError) return said(terminal, refusalOf(error), EXIT.refused);
    if (error instanceof ConnectionError || error instanceof UnavailableError) {
      return said(
        terminal,
        `${error.message}. Is the server running? --url or SLUICE_URL says where`,
        EXIT.unreachable,
      );
    }
    throw error;
  }
}

async function dispatch([name, ...rest]: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { terminal } = surroundings;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    terminal.line(overview(COMMANDS));
    return name === undefined ? EXIT.usage : EXIT.done;
  }
  const command = COMMANDS.find((known) => known.name === name);
  if (command === undefined) throw new UsageError(`there is no command ${JSON.stringify(name)}: see npx sluice --help`);
  if (command.raw) return command.run(contextOf({}, surroundings), rest, new Flags({}));
  const { values, positionals } = parsed(command, rest);
  if (values.help === true) {
    terminal.line(helpOf(command));
    return EXIT.done;
  }
  checkPositionals(command, positionals);
  return command.run(contextOf(values, surroundings), positionals, new Flags(values));
}

function parsed(command: Command, args: readonly string[]) {
  const global = Object.entries(GLOBAL_OPTIONS).filter(([name]) => !command.without?.includes(name as GlobalFlag));
  const known = { ...Object.fromEntries(global), ...command.options };
  const options = command.openFlags ? { ...openFlagsOf(args, known), ...known } : known;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { values: values as Record<string, unknown>, positionals };
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${helpOf(command)}`);
  }
}

/** Flags of which nothing is known but that they take a value. */
function openFlagsOf(args: readonly string[], known: object): Record<string, { type: "string" }> {
  const names = args.flatMap((arg) => /^--([A-Za-z][\w-]*)(?:=|$)/.exec(arg)?.[1] ?? []);
  return Object.fromEntries(
    names.filter((name) => !Object.hasOwn(known, name)).map((name) => [name, { type: "string" }]),
  );
}

function checkPositionals(command: Command, got: readonly string[]): void {
  const least = command.positionals.filter((name) => !name.startsWith("[")).length;
  const most = command.positionals.some((name) => name.endsWith("…"))
    ? Number.POSITIVE_INFINITY
    : command.positionals.length;
  if (got.length >= least && got.length <= most) return;
  throw new UsageError(
    `expected ${command.positionals.join(" ") || "nothing"}; got ${got.join(" ") || "nothing"}\n\n${helpOf(command)}`,
  );
}

function contextOf(values: Readonly<Record<string, unknown>>, { env, terminal, signal }: Surroundings): Context {
  const flags = new Flags(values);
  const [url, key, tenant] = (["url", "key", "tenant"] as const).map(
    (name) => flags.text(name) ?? (env[`SLUICE_${name.toUpperCase()}`] || undefined),
  );
  const server: Server = { url: url ?? DEFAULT_URL, key, tenant };
  // A key is not repeated: what is printed ends up in logs.
  const connection = (["url", "tenant"] as const)
    .map((name) => [name, flags.text(name)] as const)
    .map(([name, value]) => (value === undefined ? "" : ` --${name} ${quoted(value)}`))
    .join("");
  return { client: new SluiceClient(server), server, terminal, signal, json: flags.has("json"), connection };
}

function said(terminal: Terminal, text: string, code: ExitCode): ExitCode {
  terminal.note(text);
  return code;
}

function refusalOf({ message, problem: { errors = [], requestId } }: SluiceError): string {
  const violations = errors
    .filter(({ message: what }) => !message.includes(what))
    .map(({ path, message: what }) => `  ${path}: ${what}`);
  return [message, ...violations, ...(requestId === undefined ? [] : [`  request ${requestId}`])].join("\n");
}
