import { billedMs, type CallTimes, PLATFORM_LOG_BYTES } from "./bill.ts";
import { RECONCILER } from "./count-runs.ts";
import type { Deployed } from "./deployed.ts";
import type { FunctionCounts } from "./measurement.ts";
import type { PriceId, Prices } from "./prices.ts";

export interface RestLine {
  readonly what: string;
  readonly price: PriceId;
  readonly units: number;
  /** Dollars a month by the list. */
  readonly cost: number;
  /** And if nothing else in the account uses what is free for good. */
  readonly withFree: number;
}

const MONTH_S = 30 * 86_400;
/** docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: five batches at least, where a maximum concurrency is set. */
const POLLERS = 5;
/** The longest that a receive waits (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html). */
const LONG_POLL_S = 20;
const RECONCILE_EVERY_S = 60;

/** A month in which nobody submits a job. */
export function billRest(
  deployed: Deployed,
  reconciler: FunctionCounts | undefined,
  prices: Prices,
  calls: CallTimes,
): RestLine[] {
  const runs = MONTH_S / RECONCILE_EVERY_S;
  const { memoryMb = 512, traced = false } = deployed.functions.get(RECONCILER) ?? {};
  const ms = reconciler === undefined ? 0 : reconcilerMs(reconciler, calls);
  const lines: (readonly [what: string, price: PriceId, units: number])[] = [
    ["alarms", "cloudwatch.alarms", deployed.count("AWS::CloudWatch::Alarm")],
    ["dashboards", "cloudwatch.dashboards", deployed.count("AWS::CloudWatch::Dashboard")],
    ["secrets", "secrets.secrets", deployed.count("AWS::SecretsManager::Secret")],
    [
      `empty receives of ${deployed.mappings.length} queues, by ${POLLERS} pollers each`,
      "sqs.requests",
      (deployed.mappings.length * POLLERS * MONTH_S) / LONG_POLL_S,
    ],
    ["reconciler: requests", "lambda.requests", runs],
    ["reconciler: time", "lambda.gbSeconds", (runs * ms * memoryMb) / 1_024 / 1_000],
    ["reconciler: looks for dead letters", "sqs.requests", runs * deployed.mappings.length],
    ["reconciler: reads", "dynamodb.readUnits", runs * (reconciler?.readUnits ?? 0)],
    ["reconciler: logs", "logs.ingested", (runs * (PLATFORM_LOG_BYTES + (reconciler?.logBytes ?? 0))) / 1e9],
    ...(traced ? ([["reconciler: traces", "xray.traces", runs]] as const) : []),
    ["own metrics", "cloudwatch.metrics", 0],
    ["table, backup, bucket, archive: nothing in them", "dynamodb.storage", 0],
  ];
  const used = new Map<PriceId, number>();
  return lines.map(([what, price, units]) => {
    // What is free is free once, whatever uses it.
    const before = used.get(price) ?? 0;
    used.set(price, before + units);
    const free = Math.max(0, (prices.of(price).free ?? 0) - before);
    const withFree = prices.cost(price, Math.max(0, units - free));
    return { what, price, units, cost: prices.cost(price, units), withFree };
  });
}

/** Its queries run at once. */
const reconcilerMs = (counts: FunctionCounts, calls: CallTimes): number =>
  Math.max(billedMs({ ...counts, reads: 0 }, calls), calls.readMs + calls.ownMs);
