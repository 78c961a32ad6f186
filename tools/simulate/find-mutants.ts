import type { Mutant } from "../../test/simulation/mutant.ts";
import { runMany } from "./run-many.ts";

export interface FoundMutant {
  readonly name: string;
  readonly what: string;
  /** The first schedule that breaks something; undefined where none does. */
  readonly seed: number | undefined;
  /** Schedules until then, or all that were tried. */
  readonly schedules: number;
  readonly invariant: string;
  readonly broken: string;
}

/** Looks for each bug, several at a time, and prints a row of a Markdown table for each as soon as it is known. */
export async function findMutants(
  mutants: readonly Mutant[],
  { first, schedules, workers }: { readonly first: number; readonly schedules: number; readonly workers: number },
): Promise<FoundMutant[]> {
  console.log("| bug | schedules | breaks | how |\n| --- | --- | --- | --- |");
  const left = [...mutants];
  const found: FoundMutant[] = [];
  const work = async (): Promise<void> => {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      const one = await find(mutant, first, schedules);
      found.push(one);
      const place = one.seed === undefined ? `not in ${schedules}` : String(one.schedules);
      console.log(`| ${one.what} (\`${one.name}\`) | ${place} | ${one.invariant} | ${one.broken} |`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, mutants.length) }, work));
  return found;
}

async function find({ name, what }: Mutant, first: number, schedules: number): Promise<FoundMutant> {
  const report = await runMany({ first, schedules, workers: 1, mutant: name, untilBroken: true });
  const [hit] = report.broken;
  const broken = hit?.broken[0];
  return {
    name,
    what,
    seed: hit?.seed,
    schedules: report.schedules,
    invariant: broken?.invariant ?? "",
    broken: broken?.what ?? "",
  };
}
