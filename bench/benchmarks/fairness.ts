import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { StepTimes } from "../bench-app.ts";
import { start, stop } from "../children.ts";
import type { FloodEnd, FloodOptions } from "../flood.ts";
import { percentile, type Report } from "../report.ts";
import { type EndedJob, Sluice } from "../sluice.ts";

const STEP_MS = 50;
/** Four steps' time one after the other: the two tools run beside each other. */
const CHAIN: StepTimes = { retrieveMs: STEP_MS, completeMs: STEP_MS, toolMs: STEP_MS, composeMs: STEP_MS };
/** Of each capability, as it is without a setting. */
const CONCURRENCY = 20;
const CONNECTIONS = 64;
const WARM_UP_JOBS = 500;
const INPUT = { text: "go" };

interface Tries {
  readonly when: string;
  readonly tries: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly acceptedP50Ms: number;
}

/** One tenant submits thousands of jobs at once, another one now and then: how much longer does that one's job take? */
export function fairness(quick: boolean): Promise<Report> {
  const jobs = quick ? 3_000 : 10_000;
  const tries = quick ? 5 : 20;
  return Sluice.with({ app: { steps: CHAIN, concurrency: CONCURRENCY }, synchronous: "FULL" }, async (sluice) => {
    await Promise.all(Array.from({ length: WARM_UP_JOBS }, () => sluice.run("chain", INPUT)));
    const alone = await some(sluice, tries);
    const options = {
      url: sluice.url,
      tenant: "busy",
      workflow: "chain",
      input: INPUT,
      jobs,
      connections: CONNECTIONS,
    };
    const { child } = await start("flood.ts", options satisfies FloodOptions);
    try {
      const { meanwhile, flood } = await during(sluice, child);
      if (flood.accepted !== jobs) throw new Error(`${flood.accepted} of ${jobs} jobs were accepted`);
      const beside = await some(sluice, tries);
      if ((await waiting(sluice)) === 0) throw new Error("the busy tenant's jobs were done before the tries were");
      return reportOf(jobs, flood, [
        triesOf("alone", alone),
        triesOf("while they are submitted", meanwhile),
        triesOf("while they wait", beside),
      ]);
    } finally {
      await stop(child);
    }
  });
}

async function some(sluice: Sluice, tries: number): Promise<EndedJob[]> {
  const jobs: EndedJob[] = [];
  while (jobs.length < tries) jobs.push(await sluice.run("chain", INPUT));
  return jobs;
}

async function during(sluice: Sluice, child: ChildProcess): Promise<{ meanwhile: EndedJob[]; flood: FloodEnd }> {
  let flood: FloodEnd | undefined;
  const ended = once(child, "message").then(([message]) => {
    flood = message as FloodEnd;
  });
  child.send("go");
  const meanwhile: EndedJob[] = [];
  while (flood === undefined) meanwhile.push(await sluice.run("chain", INPUT));
  await ended;
  return { meanwhile, flood };
}

/** Messages that wait, of all capabilities. */
async function waiting(sluice: Sluice): Promise<number> {
  const { body } = await sluice.client.get("/v1/capabilities");
  const { capabilities } = JSON.parse(body) as { capabilities: { ready: number }[] };
  return capabilities.reduce((sum, { ready }) => sum + ready, 0);
}

const triesOf = (when: string, jobs: readonly EndedJob[]): Tries => ({
  when,
  tries: jobs.length,
  p50Ms: percentile(
    jobs.map(({ ms }) => ms),
    0.5,
  ),
  p95Ms: percentile(
    jobs.map(({ ms }) => ms),
    0.95,
  ),
  acceptedP50Ms: percentile(
    jobs.map(({ acceptedMs }) => acceptedMs),
    0.5,
  ),
});

function reportOf(jobs: number, flood: FloodEnd, rows: readonly Tries[]): Report {
  const [alone] = rows;
  const late = (p: "p50Ms" | "p95Ms", row: Tries): number => (row[p] - (alone?.[p] ?? 0)) / STEP_MS;
  return {
    tables: [
      {
        title:
          `Fairness: one tenant submits ${jobs.toLocaleString("en-US")} jobs at once ` +
          `(accepted in ${(flood.ms / 1_000).toFixed(1)} s), another one at a time; 5 steps of ${STEP_MS} ms, ${CONCURRENCY} at once a capability`,
        columns: [
          "the other's job",
          "tries",
          "p50 ms",
          "p95 ms",
          "202 after, p50 ms",
          "later by, p50 steps",
          "p95 steps",
          "p50 ratio",
        ],
        rows: rows.map((row) => [
          row.when,
          row.tries,
          row.p50Ms,
          row.p95Ms,
          row.acceptedP50Ms,
          late("p50Ms", row),
          late("p95Ms", row),
          row.p50Ms / (alone?.p50Ms ?? Number.NaN),
        ]),
      },
    ],
    checks: rows.slice(1).map((row) => ({
      what: `another tenant's job is later by, p95, ${row.when}`,
      got: late("p95Ms", row),
      unit: "steps' time",
      target: { atMost: 5 },
    })),
    data: { flood, rows },
  };
}
