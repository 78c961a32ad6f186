import { mutantNamed } from "../../test/simulation/mutants.ts";
import { plant } from "./plant.ts";

/** Prints one schedule step by step, and what it breaks. */
export async function replay(seed: number, mutant: string | undefined): Promise<void> {
  const planted = mutant === undefined ? () => {} : plant(mutantNamed(mutant));
  const { runSchedule } = await import("../../test/simulation/schedule.ts");
  planted();
  const { trace, broken, jobs, calls, settledMs } = await runSchedule(seed, { traced: true });
  console.log(trace.join("\n"));
  console.log(
    `\nseed ${seed}: ${jobs} jobs, ${calls} model calls, at rest ${settledMs / 1_000} s after the last fault`,
  );
  for (const { invariant, what } of broken) console.log(`breaks invariant ${invariant}: ${what}`);
  if (broken.length === 0) console.log("no invariant was broken");
  else process.exitCode = 1;
}
