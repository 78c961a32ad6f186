import { constants } from "node:os";
import { parseArgs } from "node:util";
import type { JobView } from "../src/contract/api.ts";
import { secretsClient } from "../src/engines/aws/aws-clients.ts";
import { endWith, parseOrExplain } from "./command-line.ts";
import { checkJsonFile, writeJson } from "./json-file.ts";
import { KeySecret } from "./key-secret.ts";
import { type InstanceOutputs, readOutputs, UsageError } from "./read-outputs.ts";
import { type SmokeReport, smoke } from "./smoke/smoke.ts";
import { SmokeError } from "./smoke/smoke-error.ts";
import { withTemporaryKey } from "./smoke/temporary-key.ts";

/** `npm run smoke -- --outputs FILE`: one job to its answer on a deployed instance, seen as its users see it. */
const USAGE = `Usage: npm run smoke -- --outputs FILE [flags]

  --outputs FILE    what npm run deploy wrote
  --instance ID     which instance, where the file has several
  --query TEXT      the question for workflow "analysis"
  --workflow NAME   another workflow, with
  --input JSON      its input
  --key KEY         a key that is there; without it one of tenant "smoke" is made, and revoked at the end
  --url URL         in place of the outputs' URL; with --key no outputs are needed
  --timeout S       how long the job may take (default 120)
  --json FILE       writes what was found`;

const QUERY = "How are SQS queues encrypted by default, and what is 12 * (3 + 4)?";

async function main(): Promise<void> {
  const flags = parseFlags();
  if (flags.help) return console.log(USAGE);
  const { outputs, key } = flags;
  const url = (flags.url ?? outputs?.ApiUrl ?? "").replace(/\/*$/, "/");
  const report: SmokeReport = { url, workflow: flags.workflow, events: [] };
  const ended = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      process.exitCode = 128 + constants.signals[signal];
      ended.abort(new SmokeError(`ended by ${signal}`));
    });
  }
  let reason: string | undefined;
  try {
    const job = await smoke(
      { ...flags, url, signal: ended.signal, withKey: keyOf(outputs, key), say: console.log },
      report,
    );
    console.log(summary(job, report));
  } catch (error) {
    reason = error instanceof SmokeError ? error.message : `${(error as Error).name}: ${(error as Error).message}`;
    console.error(reason);
    process.exitCode ??= 1;
  }
  writeJson(flags.json, { ok: reason === undefined, ...(reason === undefined ? {} : { reason }), ...report });
}

function keyOf(outputs: InstanceOutputs | undefined, key: string | undefined) {
  return async (use: (key: string, isNew: boolean) => Promise<void>): Promise<void> => {
    if (key !== undefined) return use(key, false);
    if (outputs === undefined) throw new UsageError("a key needs outputs");
    const secret = new KeySecret(secretsClient({ region: outputs.Region }), outputs.KeysSecretArn);
    await withTemporaryKey(secret, (made) => use(made, true));
  };
}

function summary({ result }: JobView, { answeredMs = 0 }: SmokeReport): string {
  const { answer, sources } = (result ?? {}) as { answer?: unknown; sources?: unknown };
  const shown = typeof answer === "string" ? answer : JSON.stringify(result, null, 2);
  const lines = Array.isArray(sources)
    ? (sources as { marker?: string; path?: string; start?: number; end?: number }[]).map(
        ({ marker, path, start, end }) => `  ${marker} ${path}, characters ${start} to ${end}`,
      )
    : [];
  return ["", shown, "", ...lines, ...(lines.length > 0 ? [""] : []), `answered after ${answeredMs} ms`].join("\n");
}

function parseFlags() {
  const { values } = parsed();
  const { outputs: file, instance, url, key, workflow, query, timeout = "120", json, help } = values;
  const common = { json: checkJsonFile(json), key, url, help, timeoutMs: Number(timeout) * 1_000, outputs: undefined };
  if (help) return { ...common, workflow: "", input: undefined };
  if (!(common.timeoutMs > 0))
    throw new UsageError(`--timeout must be seconds, more than 0; got ${JSON.stringify(timeout)}`);
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    throw new UsageError(`--url must be a URL that begins with http:// or https://; got ${JSON.stringify(url)}`);
  }
  if (workflow !== undefined && query !== undefined) throw new UsageError("give --query, or --workflow with --input");
  if ((workflow === undefined) !== (values.input === undefined)) {
    throw new UsageError("--workflow and --input go together");
  }
  if (file === undefined && (url === undefined || key === undefined)) {
    throw new UsageError(`--outputs FILE is missing\n\n${USAGE}`);
  }
  const outputs = file === undefined ? undefined : readOutputs(file, instance);
  const job =
    workflow === undefined
      ? { workflow: "analysis", input: { query: query ?? QUERY } }
      : { workflow, input: parseInput(values.input) };
  return { ...common, ...job, outputs };
}

function parseInput(text = ""): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--input must be JSON: ${(error as Error).message}`);
  }
}

function parsed() {
  const text = { type: "string" } as const;
  const options = {
    outputs: text,
    instance: text,
    query: text,
    workflow: text,
    input: text,
    key: text,
    url: text,
    timeout: text,
    json: text,
    help: { type: "boolean" },
  } as const;
  return parseOrExplain(() => parseArgs({ options }), USAGE);
}

main().catch(endWith);
