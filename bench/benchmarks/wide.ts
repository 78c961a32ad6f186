import { median, type Report } from "../report.ts";
import { Sluice } from "../sluice.ts";

const STEPS = 100;
const STEP_MS = 50;

/** Many parallel steps in one job: their results all want to be the log's next commit. */
export async function wide(quick: boolean): Promise<Report> {
  const steps = { retrieveMs: 0, completeMs: 0, toolMs: STEP_MS, composeMs: 0 };
  const measured = await Sluice.with({ app: { steps }, synchronous: "FULL", recordRuns: true }, async (sluice) => {
    for (let job = 0; job < 20; job++) await sluice.run("wide", { steps: STEPS });
    const before = await sluice.stats();
    await sluice.runs();
    const walls: number[] = [];
    const steps: number[] = [];
    for (let job = 0; job < (quick ? 10 : 30); job++) {
      walls.push((await sluice.run("wide", { steps: STEPS })).ms);
      const runs = await sluice.runs();
      steps.push(
        Math.max(...runs.map(([, , , endedMs]) => endedMs)) - Math.min(...runs.map(([, , startedMs]) => startedMs)),
      );
    }
    const after = await sluice.stats();
    return {
      wallMs: median(walls),
      worstMs: Math.max(...walls),
      firstStartToLastEndMs: median(steps),
      conflicts: after.conflicts - before.conflicts,
      commitsPerJob: (after.appends - before.appends) / walls.length,
    };
  });
  const { wallMs, worstMs, firstStartToLastEndMs, conflicts, commitsPerJob } = measured;
  return {
    tables: [
      {
        title: `Wide: ${STEPS} parallel steps of ${STEP_MS} ms in one job, every commit synced`,
        columns: [
          "job p50 ms",
          "job worst ms",
          "÷ ideal",
          "first start to last end ms",
          "conflicting appends",
          "commits/job",
        ],
        rows: [[wallMs, worstMs, wallMs / STEP_MS, firstStartToLastEndMs, conflicts, commitsPerJob]],
      },
    ],
    checks: [
      { what: `${STEPS} parallel steps: conflicting appends`, got: conflicts, unit: "", target: { atMost: 0 } },
      { what: `${STEPS} parallel steps: wall ÷ ideal`, got: wallMs / STEP_MS, unit: "", target: { atMost: 2 } },
    ],
    data: measured,
  };
}
