import type { StepTimes } from "../bench-app.ts";
import { needConnections } from "../open-files.ts";
import { median, percentile, type Report } from "../report.ts";
import { Sluice } from "../sluice.ts";

const CALLERS = 1_000;
const CHAIN: StepTimes = { retrieveMs: 20, completeMs: 20, toolMs: 20, composeMs: 20 };
const INPUT = { text: "go" };
/** Jobs that are under way at once while the times are taken. */
const AT_ONCE = 8;
const WARM_UP_JOBS = 300;
/** The longest that an answer waits, in s. */
const WAIT_S = 25;

interface Beside {
  readonly when: string;
  readonly jobs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** From one step's end to the next one's begin. */
  readonly hopP50Ms: number;
  readonly hopP95Ms: number;
}

/** A thousand callers wait for jobs in which nothing happens: how much longer do other jobs take? */
export function waiting(quick: boolean): Promise<Report> {
  needConnections(CALLERS);
  const jobs = quick ? 80 : 400;
  const server = { app: { steps: CHAIN }, synchronous: "FULL", recordRuns: true } as const;
  return Sluice.with(server, async (sluice) => {
    await some(sluice, WARM_UP_JOBS);
    await sluice.runs();
    const alone = await besides(sluice, "nobody waits", jobs);
    const before = (await sluice.stats()).appends;
    let answered = 0;
    const callers = Array.from({ length: CALLERS }, () =>
      sluice.client
        .post("/v1/jobs", { workflow: "nap", input: { ms: 3_600_000 } }, { prefer: `wait=${WAIT_S}` })
        .then((answer) => {
          answered += 1;
          return answer;
        }),
    );
    await appended(sluice, before, CALLERS);
    const beside = await besides(sluice, `${CALLERS} callers wait`, jobs);
    if (answered > 0) throw new Error(`${answered} callers had their answer before the times were taken`);
    const statuses = (await Promise.all(callers)).map(({ status }) => status);
    if (statuses.some((status) => status !== 202)) throw new Error("a caller was not accepted");
    return reportOf([alone, beside]);
  });
}

/** Resolves when so many have been appended since: each caller's job is one commit. */
async function appended(sluice: Sluice, before: number, commits: number): Promise<void> {
  while ((await sluice.stats()).appends < before + commits) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function some(sluice: Sluice, jobs: number): Promise<number[]> {
  const times: number[] = [];
  const line = async (): Promise<void> => {
    while (times.length < jobs) times.push((await sluice.run("chain", INPUT)).ms);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  return times;
}

async function besides(sluice: Sluice, when: string, jobs: number): Promise<Beside> {
  const times = await some(sluice, jobs);
  const ends = new Map<string, number>();
  const hops: number[] = [];
  const runs = (await sluice.runs()).toSorted(([, , a], [, , b]) => a - b);
  for (const [jobId, stepId, startedMs, endedMs] of runs) {
    const before = ends.get(jobId);
    if (before !== undefined && !stepId.startsWith("tool/b")) hops.push(startedMs - before);
    ends.set(jobId, endedMs);
  }
  return {
    when,
    jobs: times.length,
    p50Ms: median(times),
    p95Ms: percentile(times, 0.95),
    hopP50Ms: median(hops),
    hopP95Ms: percentile(hops, 0.95),
  };
}

function reportOf(rows: readonly [Beside, Beside]): Report {
  const [alone, beside] = rows;
  return {
    tables: [
      {
        title: `Waiting callers: jobs of five steps of ${CHAIN.retrieveMs} ms, ${AT_ONCE} at once, beside them`,
        columns: ["", "jobs", "job p50 ms", "job p95 ms", "to the next step p50 ms", "p95 ms", "job p50 ratio"],
        rows: rows.map((row) => [
          row.when,
          row.jobs,
          row.p50Ms,
          row.p95Ms,
          row.hopP50Ms,
          row.hopP95Ms,
          row.p50Ms / alone.p50Ms,
        ]),
      },
    ],
    checks: [
      {
        what: `beside ${CALLERS} waiting callers a job takes as long as alone, p50`,
        got: beside.p50Ms / alone.p50Ms,
        unit: "times",
        target: { atMost: 1.2 },
      },
      {
        what: `and its next step begins as soon, p50`,
        got: beside.hopP50Ms / alone.hopP50Ms,
        unit: "times",
        target: { atMost: 1.2 },
      },
    ],
    data: { rows },
  };
}
