import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endWith, parseOrExplain } from "./command-line.ts";
import { checkJsonFile, writeJson } from "./json-file.ts";
import { UsageError } from "./read-outputs.ts";
import { printReport } from "./soak/print-report.ts";
import { runSoak } from "./soak/run-soak.ts";

/** `npm run soak`: kill -9 for real. docs/soak.md */
const USAGE = `Usage: npm run soak -- [flags]     jobs on the embedded engine, whose process is killed again and again

  --jobs N     default 300
  --kills N    default 60
  --quick      40 jobs and 8 kills: under a minute
  --seed N     chooses the model's faults and the kills' moments (default: another one each time)
  --json FILE  writes the figures

Exit status: 0 if nothing was lost, doubled or called again, 1 if something was, 2 if nothing could be judged.`;

const QUICK = { jobs: 40, kills: 8 };
const FULL = { jobs: 300, kills: 60 };

const stopped = new AbortController();

async function main(): Promise<number> {
  const { help, json, jobs, kills, seed } = flags();
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const dir = mkdtempSync(join(tmpdir(), "sluice-soak-"));
  let clean = false;
  try {
    console.log(`${jobs} jobs, ${kills} kills, seed ${seed}`);
    const report = await runSoak({
      ...{ jobs, kills, seed, dir },
      deadlineMs: 240_000 + kills * 6_000 + jobs * 200,
      signal: stopped.signal,
      onProgress: (line) => console.log(line),
    });
    console.log(`\n${printReport(report)}`);
    writeJson(json, { date: new Date().toISOString(), ...report });
    clean = report.violations.length === 0;
    return clean ? 0 : 1;
  } finally {
    if (clean) rmSync(dir, { recursive: true, force: true });
    else console.error(`\ndata, engine.log, calls.json and processes.json are kept in ${dir}`);
  }
}

function flags() {
  const options = {
    jobs: { type: "string" },
    kills: { type: "string" },
    seed: { type: "string" },
    json: { type: "string" },
    quick: { type: "boolean" },
    help: { type: "boolean" },
  } as const;
  const { values } = parseOrExplain(() => parseArgs({ options }), USAGE);
  const usual = values.quick ? QUICK : FULL;
  return {
    help: values.help,
    json: checkJsonFile(values.json),
    jobs: numberOf("--jobs", values.jobs, usual.jobs, 1),
    kills: numberOf("--kills", values.kills, usual.kills, 0),
    seed: numberOf("--seed", values.seed, Math.floor(Math.random() * 2 ** 31), 0),
  };
}

function numberOf(flag: string, text: string | undefined, usual: number, least: number): number {
  const value = text === undefined ? usual : Number(text);
  if (text !== "" && Number.isInteger(value) && value >= least && value < 2 ** 31) return value;
  throw new UsageError(`${flag} must be a whole number from ${least}; got ${JSON.stringify(text)}\n\n${USAGE}`);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopped.abort(signal));

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    if (stopped.signal.aborted) {
      console.error("stopped");
      process.exitCode = stopped.signal.reason === "SIGINT" ? 130 : 143;
      return;
    }
    endWith(error as Error, [UsageError], 2);
  },
);
