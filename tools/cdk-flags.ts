import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseSettings, type Settings } from "../lib/settings.ts";
import { UsageError } from "./read-outputs.ts";

/** A command's own flags, as `parseArgs` takes them. */
type Own = Readonly<Record<string, { readonly type: "boolean" | "string"; readonly short?: string }>>;

export interface CdkFlags<O extends Own> {
  /** As the CDK will see them: `-c` before `cdk.context.json`, `cdk.json` and `~/.cdk.json`. */
  readonly settings: Settings;
  /** The whole context, the CDK's own names included. */
  readonly context: Readonly<Record<string, unknown>>;
  /** The command's own flags. */
  readonly own: { readonly [K in keyof O]?: O[K]["type"] extends "boolean" ? boolean : string };
  /** `-c name=value` of each that was given, and of the stage, whatever it is. */
  readonly contextFlags: readonly string[];
  /** Everything else, as it was given. */
  readonly rest: readonly string[];
}

/**
 * Takes a command line apart whose flags are partly ours and partly the CDK's. Throws {@link UsageError}, and
 * `SynthError` for a setting that is wrong or not known.
 *
 * @param folder in which the CDK runs
 */
export function parseCdkFlags<O extends Own>(
  argv: readonly string[],
  ownFlags: O,
  folder = process.cwd(),
): CdkFlags<O> {
  refuseSwallowed(process.env);
  const options = { ...ownFlags, context: { type: "string", short: "c", multiple: true } } as const;
  const { values, tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const taken = new Set<number>();
  for (const token of tokens) {
    if (token.kind !== "option" || !Object.hasOwn(options, token.name)) continue;
    const { type } = options[token.name as keyof typeof options];
    if (type === "string" && token.value === undefined) throw new UsageError(`${token.rawName} takes a value`);
    taken.add(token.index);
    if (type === "string" && !token.inlineValue) taken.add(token.index + 1);
  }
  const { context: given = [], ...own } = values as Record<string, unknown>;
  const pairs = (given as string[]).map(pairOf);
  const context = { ...contextOfFiles(folder), ...Object.fromEntries(pairs) };
  const settings = parseSettings(context);
  const names = new Map<string, string>([["stage", settings.stage], ...pairs]);
  return {
    settings,
    context,
    own: Object.fromEntries(
      Object.entries(own).filter(([name]) => Object.hasOwn(ownFlags, name)),
    ) as CdkFlags<O>["own"],
    contextFlags: [...names].flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    rest: argv.filter((_, index) => !taken.has(index)),
  };
}

/** `-c name=value`; some write `-c=name=value`. */
function pairOf(text: string): readonly [string, string] {
  const [, name, value] = /^=?([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`-c takes NAME=VALUE, such as -c stage=dev; got ${JSON.stringify(text)}`);
  }
  return [name, value];
}

/** What the CDK adds to the context, the later the stronger (docs.aws.amazon.com/cdk/v2/guide/context.html). */
function contextOfFiles(folder: string): Record<string, unknown> {
  return {
    ...object(read(join(homedir(), ".cdk.json")).context),
    ...object(read(join(folder, "cdk.json")).context),
    ...read(join(folder, "cdk.context.json")),
  };
}

function read(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
  try {
    return object(JSON.parse(text));
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
}

const object = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

/** Without `--` npm takes flags for its own: `npm run deploy -c stage=prod` would deploy dev. */
function refuseSwallowed({ npm_config_call: swallowed }: NodeJS.ProcessEnv): void {
  if (!swallowed) return;
  throw new UsageError(
    `npm took "-c ${swallowed}" for itself: write -- before the flags, as in npm run deploy -- -c ${swallowed}`,
  );
}
