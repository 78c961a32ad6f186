import { NO_WORK, type StepTimes } from "../bench-app.ts";
import { type Check, median, percentile, type Report, type Table } from "../report.ts";
import { Sluice } from "../sluice.ts";

const WARM_UP_JOBS = 500;
const INPUT = { text: "go" };
const TIMED: StepTimes = { retrieveMs: 100, completeMs: 400, toolMs: 200, composeMs: 5 };
const IDEAL_MS = 705;

interface Alone {
  readonly synchronous: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly acceptedP50Ms: number;
}

interface Timed {
  readonly synchronous: string;
  readonly oneP50Ms: number;
  readonly fiftyWallMs: number;
  readonly fiftyP50Ms: number;
}

/** How long a job takes from the call to the news of its end, one at a time; and with steps that take their time. */
export async function latency(quick: boolean): Promise<Report> {
  const alone: Alone[] = [];
  const timed: Timed[] = [];
  for (const synchronous of ["FULL", "NORMAL"] as const) {
    alone.push(
      await Sluice.with({ app: { steps: NO_WORK }, synchronous }, (sluice) =>
        oneByOne(sluice, synchronous, quick ? 100 : 400),
      ),
    );
    timed.push(
      await Sluice.with({ app: { steps: TIMED }, synchronous }, (sluice) =>
        withWork(sluice, synchronous, quick ? 3 : 7),
      ),
    );
  }
  return { tables: [aloneTable(alone), timedTable(timed)], checks: checks(alone, timed), data: { alone, timed } };
}

async function oneByOne(sluice: Sluice, synchronous: string, count: number): Promise<Alone> {
  for (let job = 0; job < WARM_UP_JOBS; job++) await sluice.run("chain", INPUT);
  const jobs = [];
  for (let job = 0; job < count; job++) jobs.push(await sluice.run("chain", INPUT));
  const times = jobs.map(({ ms }) => ms);
  return {
    synchronous,
    p50Ms: percentile(times, 0.5),
    p95Ms: percentile(times, 0.95),
    acceptedP50Ms: median(jobs.map(({ acceptedMs }) => acceptedMs)),
  };
}

async function withWork(sluice: Sluice, synchronous: string, repeats: number): Promise<Timed> {
  await Promise.all(Array.from({ length: 200 }, () => sluice.run("chain", INPUT)));
  const one: number[] = [];
  const walls: number[] = [];
  const each: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    one.push((await sluice.run("chain", INPUT)).ms);
    const startedMs = performance.now();
    const jobs = await Promise.all(Array.from({ length: 50 }, () => sluice.run("chain", INPUT)));
    walls.push(performance.now() - startedMs);
    each.push(...jobs.map(({ ms }) => ms));
  }
  return { synchronous, oneP50Ms: median(one), fiftyWallMs: median(walls), fiftyP50Ms: median(each) };
}

const aloneTable = (alone: readonly Alone[]): Table => ({
  title: "Latency: one chain job at a time, steps return at once",
  columns: ["synchronous", "p50 ms", "p95 ms", "202 after, p50 ms"],
  rows: alone.map((run) => [run.synchronous, run.p50Ms, run.p95Ms, run.acceptedP50Ms]),
});

const timedTable = (timed: readonly Timed[]): Table => ({
  title: `Latency: chain with steps of 100, 400, 2 × 200 and 5 ms (ideal ${IDEAL_MS} ms)`,
  columns: ["synchronous", "one job p50 ms", "50 at once: all ended after ms", "50 at once: p50 ms"],
  rows: timed.map((run) => [run.synchronous, run.oneP50Ms, run.fiftyWallMs, run.fiftyP50Ms]),
});

function checks(alone: readonly Alone[], timed: readonly Timed[]): Check[] {
  const [full] = alone;
  const [work] = timed;
  if (!full || !work) return [];
  return [
    { what: "one job end to end, p50", got: full.p50Ms, unit: "ms", target: { atMost: 12 } },
    { what: "one job with 705 ms of work", got: work.oneP50Ms, unit: "ms", target: { atMost: 715 } },
    {
      what: "50 jobs at once with 705 ms of work, all ended",
      got: work.fiftyWallMs,
      unit: "ms",
      target: { atMost: 780 },
    },
  ];
}
