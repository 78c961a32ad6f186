import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { isJobId, JOB_ID_SHAPE } from "../src/contract/ids.ts";
import { problemsOf } from "../src/testing/verify-log.ts";
import { endWith, parseOrExplain } from "./command-line.ts";
import { ExportError, exportLog, NoAnswerError } from "./log/export-log.ts";
import { readOutputs, UsageError } from "./read-outputs.ts";

/** `npm run log -- …`: a job's whole log as JSON lines, and whether such a log is whole. */
const USAGE = `Usage: npm run --silent log -- export JOB [flags] > FILE    writes the log of a job as JSON lines
       npm run log -- verify FILE…                             checks logs that were exported

  --url URL        that below which v1/jobs is (default http://127.0.0.1:8787/)
  --outputs FILE   what npm run deploy wrote: its URL
  --instance ID    which instance, where the file has several
  --key KEY        the tenant's key (default: the environment's SLUICE_KEY)
  --tenant NAME    on one machine, without keys (default: default)

The first line says what the job came to, the last one is a hash of all before it, each other line is an event. A log is
whole if its events are gapless and of the schema, break no invariant (docs/guarantees.md), come to what the first line
says, and the hash is theirs. That is no proof against whoever can write the table, or the file with a hash of its own.
Exit status: 0 all is well, 1 a log is not whole, 2 the command line is wrong, 3 the job was refused, 4 no server answered.`;

async function main(): Promise<void> {
  const { values, positionals } = parseOrExplain(() => parseArgs({ options: OPTIONS, allowPositionals: true }), USAGE);
  if (values.help) return console.log(USAGE);
  const [command, ...names] = positionals;
  if (command === "verify" && names.length > 0) return verify(names);
  const [jobId] = names;
  if (command !== "export" || jobId === undefined || names.length > 1) throw new UsageError(USAGE);
  if (!isJobId(jobId)) throw new ExportError(`got ${JSON.stringify(jobId)}; a job id is ${JOB_ID_SHAPE}`);
  const { outputs, instance, url, tenant, key = process.env.SLUICE_KEY } = values;
  const base = outputs === undefined ? (url ?? "http://127.0.0.1:8787") : readOutputs(outputs, instance).ApiUrl;
  for await (const line of exportLog({ url: base.replace(/\/*$/, "/"), jobId, key, tenant })) {
    process.stdout.write(`${line}\n`);
  }
}

function verify(files: readonly string[]): void {
  for (const file of files) {
    const text = read(file);
    const problems = problemsOf(text);
    if (problems.length === 0) {
      console.log(`${file}: ${text.trimEnd().split("\n").length - 2} events, whole`);
      continue;
    }
    for (const problem of problems) console.log(`${file}: ${problem}`);
    process.exitCode = 1;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** The same numbers as those of the client's command line (docs/client.md). */
const statusOf = (error: Error): number =>
  error instanceof UsageError ? 2 : error instanceof NoAnswerError ? 4 : error instanceof ExportError ? 3 : 1;

const OPTIONS = {
  url: { type: "string" },
  outputs: { type: "string" },
  instance: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
  help: { type: "boolean" },
} as const;

main().catch((error: Error) => endWith(error, [UsageError, ExportError], statusOf(error)));
