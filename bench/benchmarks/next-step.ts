import { NO_WORK } from "../bench-app.ts";
import { median, percentile, type Report } from "../report.ts";
import type { StepRun } from "../server.ts";
import { Sluice } from "../sluice.ts";

const STEPS = 500;
/** A single gap is too few: steps 3 to 7, and the last five. */
const EARLY = [3, 4, 5, 6, 7];
const LATE = [496, 497, 498, 499, 500];

/** From one step's result to the start of the next, measured inside the server: fold, run, append, sync, hand over. */
export async function nextStep(quick: boolean): Promise<Report> {
  const rows = [];
  for (const synchronous of ["FULL", "NORMAL"] as const) {
    const gaps = await Sluice.with({ app: { steps: NO_WORK }, synchronous, recordRuns: true }, (sluice) =>
      longJobs(sluice, quick ? 4 : 12),
    );
    const at = (places: readonly number[]): number =>
      median(gaps.flatMap((job) => places.map((step) => job[step - 2] ?? Number.NaN)));
    const all = gaps.flat();
    rows.push({
      synchronous,
      p50Ms: median(all),
      p95Ms: percentile(all, 0.95),
      atFiveMs: at(EARLY),
      atFiveHundredMs: at(LATE),
    });
  }
  const [full] = rows;
  return {
    tables: [
      {
        title: `Next step: from a result to the next step's start, in jobs of ${STEPS} steps, one job at a time`,
        columns: ["synchronous", "p50 ms", "p95 ms", "at step 5 ms", "at step 500 ms", "ratio"],
        rows: rows.map((row) => [
          row.synchronous,
          row.p50Ms,
          row.p95Ms,
          row.atFiveMs,
          row.atFiveHundredMs,
          row.atFiveHundredMs / row.atFiveMs,
        ]),
      },
    ],
    checks: full
      ? [
          { what: "next step, p50", got: full.p50Ms, unit: "ms", target: { atMost: 2 } },
          {
            what: "next step at step 500 ÷ at step 5",
            got: full.atFiveHundredMs / full.atFiveMs,
            unit: "",
            target: { atMost: 1.5 },
          },
        ]
      : [],
    data: rows,
  };
}

/** For each job, the gaps before its steps, from the second step on. */
async function longJobs(sluice: Sluice, count: number): Promise<number[][]> {
  for (let job = 0; job < 3; job++) await sluice.run("long", { steps: STEPS });
  await sluice.runs();
  const jobs: number[][] = [];
  for (let job = 0; job < count; job++) {
    await sluice.run("long", { steps: STEPS });
    jobs.push(gapsOf(await sluice.runs()));
  }
  return jobs;
}

function gapsOf(runs: readonly StepRun[]): number[] {
  return runs.map(([, , startedMs], at) => startedMs - (runs[at - 1]?.[3] ?? Number.NaN)).slice(1);
}
