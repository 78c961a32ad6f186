import type { Table } from "../../bench/report.ts";
import { alternatives } from "./alternatives.ts";
import { billRest } from "./at-rest.ts";
import { type Assumptions, atMessages, billJobs, totalOf, unitsOf } from "./bill.ts";
import { type BurstFinding, SEED, simulateScenarios } from "./burst-scenarios.ts";
import { loadComparators } from "./compare.ts";
import { READ } from "./count-runs.ts";
import { type Deployed, deployed as readDeployed } from "./deployed.ts";
import { loadLatency, nextStepMs } from "./latency.ts";
import { type Measurement, runOf } from "./measurement.ts";
import { costPlots } from "./plots.ts";
import type { Prices } from "./prices.ts";
import {
  alternativesTable,
  burstTable,
  type Column,
  comparisonTable,
  dollars,
  latencyTable,
  restTable,
  servicesTable,
  stepsTable,
  unverifiedTable,
  waitingTable,
} from "./report.ts";
import { billWaiting } from "./waiting.ts";

/** All figures, as people read them and as programs do. */
export interface CostReport {
  readonly head: string;
  readonly sections: readonly (Table | string)[];
  readonly plots: Readonly<Record<string, string>>;
  readonly data: unknown;
}

const MONTH_S = 30 * 86_400;
const GOAL_PER_MILLION = 20;
const GOAL_AT_REST = 10;
const MESSAGES = [1, 5] as const;
const STAGE = "prod";
const COMPLETION = "Sluice/Pipeline/Capability-completion/Worker";

/** So many jobs in a month: the bill, what would lower it, waiting, other products, latency, bursts. */
export function costOfJobs(measurement: Measurement, jobs: number, waitS: number, prices: Prices): CostReport {
  const deployed = readDeployed(STAGE);
  const latency = loadLatency();
  const comparators = loadComparators();
  const columns = MESSAGES.map((messages) => {
    // A queue in which five messages wait is one of a burst; alone they come when jobs are spread over the month.
    const jobsPerSecond = messages === 1 ? jobs / MONTH_S : Math.max(deployed.throttle.rate, jobs / MONTH_S);
    const run = atMessages(runOf(measurement, messages), messages);
    const lines = billJobs(run, jobs, deployed, prices, { jobsPerSecond, calls: latency.calls });
    return { head: `${messages} message${messages > 1 ? "s" : ""} an invocation`, run, lines, jobsPerSecond };
  });
  const millions = jobs / 1_000_000;
  const waiting = billWaiting(waitS, deployed.functions.get(COMPLETION)?.memoryMb ?? 512, prices);
  const bursts = simulateScenarios(deployed, nextStepMs(latency).p50Ms);
  const [first] = columns;
  const invocations = new Map(
    Object.entries(first?.run.functions ?? {}).map(([path, counts]) => [path, counts.invocations]),
  );
  const lowered = columns.map(({ head, run, lines }) => ({
    head,
    all: alternatives(run, jobs, lines, deployed, prices),
  }));
  const perMillion: Column[] = columns.map(({ head, lines }) => ({
    head,
    lines: lines.map((line) => ({ ...line, cost: line.cost / millions })),
  }));
  return {
    head: headOf(measurement, prices),
    sections: [
      servicesTable(
        `${jobs.toLocaleString("en-US")} jobs of ${measurement.workflow}, ${measurement.steps} steps each`,
        jobs,
        columns,
        prices,
      ),
      `One message an invocation: jobs spread over the month. Five: jobs in bursts of ${deployed.throttle.rate} a second, in which messages wait for each other.`,
      stepsTable(columns, invocations),
      ...perMillion.map(goalOf),
      ...lowered.map(({ head, all }) => alternativesTable(head, all)),
      readingOf(
        measurement,
        jobs,
        { jobsPerSecond: first?.jobsPerSecond ?? 1, calls: latency.calls },
        deployed,
        prices,
      ),
      metricsOf(measurement, prices),
      waitingTable(waitS, deployed.functions.get(COMPLETION)?.memoryMb ?? 512, waiting),
      comparisonTable(comparators.products, perMillion),
      latencyTable(latency),
      burstTable(bursts),
      unverifiedTable(prices),
    ].filter((section) => section !== ""),
    plots: costPlots(perMillion, comparators.products, bursts),
    data: {
      measurement,
      prices: { dated: prices.dated, region: prices.region },
      bills: columns.map(({ head, jobsPerSecond, lines }) => ({ head, jobsPerSecond, total: totalOf(lines), lines })),
      alternatives: lowered,
      waiting,
      comparators,
      latency: { ...latency, nextStep: nextStepMs(latency) },
      bursts: { seed: SEED, findings: bursts.map(withoutCurve) },
    },
  };
}

/** A month without jobs, of each stage. */
export function costAtRest(measurement: Measurement, prices: Prices): CostReport {
  const { calls } = loadLatency();
  const stages = ["dev", "prod"].map((stage) => ({
    stage,
    lines: billRest(readDeployed(stage), measurement.reconciler, prices, calls),
  }));
  return {
    head: headOf(measurement, prices),
    sections: [
      ...stages.map(({ stage, lines }) => restTable(stage, lines)),
      ...stages.map(({ stage, lines }) => {
        const verdict = totalOf(lines) <= GOAL_AT_REST ? "met" : "MISSED";
        return `Goal for ${stage}: at most ${dollars(GOAL_AT_REST)} a month: ${dollars(totalOf(lines))}, ${verdict}.`;
      }),
      unverifiedTable(prices),
    ],
    plots: {},
    data: { prices: { dated: prices.dated, region: prices.region }, stages },
  };
}

const headOf = ({ how, commit, date, runs, workflow }: Measurement, { region, dated }: Prices): string =>
  [
    `Counts of ${workflow}: ${how}; commit ${commit}, ${date}; ${runs.map((run) => `${run.jobs} jobs at ${run.messagesPerInvocation.toFixed(1)}`).join(" and ")} messages an invocation.`,
    `Prices: ${region}, list, as seen on ${dated}. Without the model, without waiting for it, without what AWS gives for free.`,
  ].join("\n");

function goalOf({ head, lines }: Column): string {
  const total = totalOf(lines);
  const goal = `Goal: at most ${dollars(GOAL_PER_MILLION)} for a million jobs. At ${head}: ${dollars(total)}`;
  if (total <= GOAL_PER_MILLION) return `${goal}, met.`;
  const byLine = Map.groupBy(lines, ({ service, what }) => `${service} ${what}`);
  const largest = [...byLine]
    .map(([what, all]) => ({ what, cost: totalOf(all) }))
    .sort((a, b) => b.cost - a.cost)
    .slice(0, 4)
    .map(({ what, cost }) => `${what} ${dollars(cost)}`);
  return `${goal}, MISSED by ${dollars(total - GOAL_PER_MILLION)}. Most of it: ${largest.join(", ")}.`;
}

function readingOf(
  { read }: Measurement,
  jobs: number,
  assumptions: Assumptions,
  deployed: Deployed,
  prices: Prices,
): string {
  if (read === undefined) return "";
  const units = unitsOf(READ, read, deployed, assumptions);
  const own = units.reduce((sum, { price, amount }) => sum + prices.cost(price, amount * jobs), 0);
  const all = own + prices.cost("apiGateway.rest", jobs);
  return `Reading a job by GET, apart: ${dollars(all)} for ${jobs.toLocaleString("en-US")} of them. Events on the bus say when there is something to read.`;
}

function metricsOf({ metricSeries }: Measurement, prices: Prices): string {
  if (metricSeries === undefined) return "";
  return `Metrics of ours, apart: ${metricSeries} while jobs come, ${dollars(prices.cost("cloudwatch.metrics", metricSeries))} a month, whatever the number of jobs.`;
}

const withoutCurve = ({ scenario, jobs, result: { curve: _, ...result } }: BurstFinding) => ({
  scenario,
  jobs,
  ...result,
});
