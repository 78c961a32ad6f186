import { mutantNamed } from "../../test/simulation/mutants.ts";
import type { Broken } from "../../test/simulation/world.ts";
import { plant } from "./plant.ts";

/** A process of its own that runs schedules: it is sent seeds, and answers with what came of them. */

/** Seeds to run, one after the other. */
export interface Seeds {
  readonly first: number;
  readonly count: number;
  /** Stop at the first schedule that breaks something. */
  readonly untilBroken: boolean;
}

export interface SeedsReport {
  readonly schedules: number;
  readonly jobs: number;
  readonly commits: number;
  readonly calls: number;
  readonly steps: number;
  /** Of the processor, in ms: unlike the time that it took, it does not depend on what else runs. */
  readonly cpuMs: number;
  /** Schedules that broke something. */
  readonly broken: readonly { readonly seed: number; readonly broken: readonly Broken[] }[];
}

const [mutant] = process.argv.slice(2);
const planted = mutant === undefined ? () => {} : plant(mutantNamed(mutant));
const { runSchedule } = await import("../../test/simulation/schedule.ts");
planted();

let stray: Broken[] = [];
process.on("unhandledRejection", (error) => {
  stray.push({ invariant: "error", what: `unhandled: ${error instanceof Error ? error.message : error}` });
});

async function run({ first, count, untilBroken }: Seeds): Promise<SeedsReport> {
  const before = process.cpuUsage();
  const sums = { schedules: 0, jobs: 0, commits: 0, calls: 0, steps: 0 };
  const found: { seed: number; broken: readonly Broken[] }[] = [];
  for (let seed = first; seed < first + count; seed++) {
    stray = [];
    const result = await runSchedule(seed);
    sums.schedules += 1;
    for (const figure of ["jobs", "commits", "calls", "steps"] as const) sums[figure] += result[figure];
    const broken = [...result.broken, ...stray];
    if (broken.length > 0) found.push({ seed, broken });
    if (broken.length > 0 && untilBroken) break;
  }
  const { user, system } = process.cpuUsage(before);
  return { ...sums, cpuMs: (user + system) / 1_000, broken: found };
}

process.on("message", (seeds: Seeds) => {
  run(seeds).then(
    (report) => process.send?.(report),
    (error: Error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit());
