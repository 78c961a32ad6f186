import { type BillLine, PLATFORM_LOG_BYTES, totalOf } from "./bill.ts";
import { SUBMIT } from "./count-runs.ts";
import type { Deployed } from "./deployed.ts";
import type { MeasuredRun } from "./measurement.ts";
import type { Prices } from "./prices.ts";

export interface Alternative {
  /** Of one kind, only one can be had. */
  readonly kind: "api" | "steps" | "announcements" | "tracing" | "logs" | "queues" | "kept" | "bodies";
  readonly what: string;
  readonly givesUp: string;
  /** Dollars that it saves, for all jobs. */
  readonly saves: number;
}

/** What would lower the bill, each by itself, the largest first. */
export function alternatives(
  run: MeasuredRun,
  jobs: number,
  lines: readonly BillLine[],
  deployed: Deployed,
  prices: Prices,
): Alternative[] {
  const of = (service: string, what?: string): number =>
    totalOf(lines.filter((line) => line.service === service && (what === undefined || line.what === what)));
  const functions = Object.entries(run.functions);
  const sum = (pick: (counts: MeasuredRun["functions"][string]) => number): number =>
    functions.reduce((total, [, counts]) => total + pick(counts), 0);
  const messages = sum(({ records }) => records);
  const entries = sum(({ entries }) => entries);
  const perEntry = entries === 0 ? 0 : of("EventBridge") / entries;
  const invocations = sum((counts) => counts.invocations);
  const own = run.functions[SUBMIT] === undefined ? 0 : 1;
  const kept = of("DynamoDB", "storage") + of("DynamoDB", "backup");
  const all: Alternative[] = [
    {
      kind: "api",
      what: "an HTTP API in place of the REST API",
      givesUp: "its request validation, its answers as problem documents",
      saves: own * (prices.cost("apiGateway.rest", jobs) - prices.cost("apiGateway.http", jobs)),
    },
    {
      kind: "steps",
      what: "steps sent to their queues directly, not over the bus",
      givesUp: "that anybody in the account can listen to each step; the archive of them",
      saves: messages * perEntry,
    },
    {
      kind: "announcements",
      what: "no announcement that a job has begun and has ended",
      givesUp: "listeners on ai.<workflow>.requested and .completed",
      saves: (entries - messages) * perEntry,
    },
    { kind: "tracing", what: "no tracing by X-Ray", givesUp: "traces; metrics and logs stay", saves: of("X-Ray") },
    {
      kind: "tracing",
      what: "tracing of 5 % only, decided at the API",
      givesUp: "a trace of nearly every job at small rates",
      saves: Math.max(0, of("X-Ray") - prices.cost("xray.traces", jobs * invocations * 0.05)),
    },
    {
      kind: "logs",
      what: "Lambda's own log lines from WARN on only",
      givesUp: "start and report of each invocation in the logs",
      saves: prices.cost("logs.ingested", (jobs * invocations * PLATFORM_LOG_BYTES) / 1e9),
    },
    {
      kind: "queues",
      what: "no message group on the queues",
      givesUp: "fairness among tenants",
      saves: of("SQS", "fair queues"),
    },
    {
      kind: "kept",
      what: "no point-in-time recovery",
      givesUp: "restoring the table as it was",
      saves: of("DynamoDB", "backup"),
    },
    {
      kind: "kept",
      what: "jobs kept for 7 days after their deadline, not 30",
      givesUp: "asking for a result later",
      saves: deployed.jobDays > 14 ? kept * (1 - 14 / deployed.jobDays) : 0,
    },
    {
      kind: "bodies",
      what: "results and inputs that compress to less than 1 KB",
      givesUp: "long passages in a step's result: references to them instead",
      saves: prices.cost("dynamodb.writeUnits", jobs * sum((counts) => counts.writeUnits - counts.leastWriteUnits)),
    },
  ];
  return all.filter(({ saves }) => saves > 0).sort((a, b) => b.saves - a.saves);
}

/** What the largest of each kind save together. */
export function together(all: readonly Alternative[]): number {
  const byKind = Map.groupBy(all, ({ kind }) => kind);
  return [...byKind.values()].reduce((sum, of) => sum + Math.max(...of.map(({ saves }) => saves)), 0);
}
