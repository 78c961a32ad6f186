import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { MUTANTS, mutantNamed } from "../test/simulation/mutants.ts";
import { endWith, parseOrExplain } from "./command-line.ts";
import { checkJsonFile, writeJson } from "./json-file.ts";
import { UsageError } from "./read-outputs.ts";
import { findMutants } from "./simulate/find-mutants.ts";
import { replay } from "./simulate/replay.ts";
import { runMany } from "./simulate/run-many.ts";

/** `npm run simulate`: the real core and use cases on a simulated engine, by the thousand; see docs/simulation.md. */
const USAGE = `Usage: npm run simulate -- [--schedules N] [--first N] [--workers N] [--mutant NAME] [--json FILE]
       npm run simulate -- --seed N [--mutant NAME]
       npm run simulate:mutants -- [--schedules N] [--workers N] [--mutant NAME] [--json FILE]

  --schedules N   how many schedules (default 20000), or how many to find each mutant in (default 2000)
  --first N       the first schedule's seed (default 1)
  --seed N        shows one schedule step by step
  --workers N     processes (default: one a processor)
  --mutant NAME   plants a bug first: ${MUTANTS.map(({ name }) => name).join(", ")}
  --json FILE     writes what was found`;

const SCHEDULES = 20_000;
const MUTANT_SCHEDULES = 2_000;
/** Broken schedules that are shown. */
const SHOWN = 10;

async function main(): Promise<void> {
  const flags = parseFlags();
  if (flags.help) console.log(USAGE);
  else if (flags.seed !== undefined) await replay(flags.seed, flags.mutant);
  else if (flags.mutants) await mutants(flags);
  else await simulate(flags);
}

type Flags = ReturnType<typeof parseFlags>;

async function simulate({ schedules = SCHEDULES, first, workers, mutant, json }: Flags): Promise<void> {
  const begun = performance.now();
  let shown = 0;
  const onProgress = (done: number): void => {
    if (!process.stdout.isTTY || performance.now() - shown < 500) return;
    shown = performance.now();
    process.stdout.write(`\r${done} of ${schedules} schedules`);
  };
  const plan = { first, schedules, workers, untilBroken: mutant !== undefined, onProgress };
  const report = await runMany({ ...plan, ...(mutant === undefined ? {} : { mutant }) });
  if (shown > 0) process.stdout.write("\r\x1b[K");
  const seconds = (performance.now() - begun) / 1_000;
  const perSecond = report.schedules / seconds;
  const cpuMs = report.cpuMs / report.schedules;
  const { broken } = report;
  console.log(
    `${report.schedules} schedules in ${seconds.toFixed(1)} s (${perSecond.toFixed(0)} a second, ${workers} processes, ${cpuMs.toFixed(1)} ms of CPU each): ` +
      `${report.jobs} jobs, ${report.calls} model calls, ${report.commits} commits, ${report.steps} steps of the world`,
  );
  for (const { seed, broken: what } of broken.slice(0, SHOWN)) {
    const [first] = what;
    console.log(`seed ${seed} breaks invariant ${first?.invariant}: ${first?.what}`);
  }
  const flag = mutant === undefined ? "" : ` --mutant ${mutant}`;
  const [worst] = broken;
  console.log(
    worst === undefined
      ? "no invariant was broken"
      : `${broken.length} schedules broke an invariant; npm run simulate -- --seed ${worst.seed}${flag} shows the first step by step`,
  );
  writeJson(json, {
    ...report,
    seconds,
    perSecond,
    cpuMsEach: cpuMs,
    workers,
    ...(mutant === undefined ? {} : { mutant }),
  });
  if (broken.length > 0) process.exitCode = 1;
}

async function mutants({ schedules = MUTANT_SCHEDULES, first, workers, mutant, json }: Flags): Promise<void> {
  const chosen = mutant === undefined ? MUTANTS : [mutantNamed(mutant)];
  const found = await findMutants(chosen, { first, schedules, workers });
  writeJson(json, found);
  const missed = found.filter(({ seed }) => seed === undefined);
  console.log(`\n${found.length - missed.length} of ${found.length} bugs found within ${schedules} schedules each`);
  if (missed.length > 0) process.exitCode = 1;
}

function parseFlags() {
  const { values } = parseOrExplain(
    () =>
      parseArgs({
        options: {
          schedules: { type: "string" },
          first: { type: "string" },
          seed: { type: "string" },
          workers: { type: "string" },
          mutant: { type: "string" },
          mutants: { type: "boolean", default: false },
          json: { type: "string" },
          help: { type: "boolean", default: false },
        },
      }),
    USAGE,
  );
  if (values.mutant !== undefined && !MUTANTS.some(({ name }) => name === values.mutant)) {
    throw new UsageError(`--mutant: there is none called ${JSON.stringify(values.mutant)}\n\n${USAGE}`);
  }
  return {
    help: values.help,
    mutants: values.mutants,
    mutant: values.mutant,
    json: checkJsonFile(values.json),
    seed: wholeNumber("seed", values.seed, 0),
    schedules: wholeNumber("schedules", values.schedules, 1),
    first: wholeNumber("first", values.first, 0) ?? 1,
    workers: wholeNumber("workers", values.workers, 1) ?? availableParallelism(),
  };
}

function wholeNumber(flag: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`--${flag} takes a whole number from ${least}; got ${JSON.stringify(text)}`);
}

main().catch((error: Error) => endWith(error));
