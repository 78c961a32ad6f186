import { SUBMIT } from "./count-runs.ts";
import type { Deployed } from "./deployed.ts";
import type { FunctionCounts, MeasuredRun } from "./measurement.ts";
import type { PriceId, Prices } from "./prices.ts";

/** A line of the bill. */
export interface BillLine {
  readonly service: string;
  readonly what: string;
  /** The path of the function that causes it. */
  readonly function: string;
  readonly price: PriceId;
  /** Units, for all jobs. */
  readonly units: number;
  /** Dollars, for all jobs. */
  readonly cost: number;
}

/** What no measurement shows. */
export interface Assumptions {
  /** Jobs a second while jobs come: tracing takes one request a second, and a share of what is above. */
  readonly jobsPerSecond: number;
  /** For what a call keeps a function waiting on AWS, in ms. */
  readonly calls: CallTimes;
}

export interface CallTimes {
  readonly readMs: number;
  readonly writeMs: number;
  readonly putEventsMs: number;
  readonly s3Ms: number;
  readonly sqsMs: number;
  /** The function's own work, an invocation. */
  readonly ownMs: number;
}

const GB = 1e9;
const DAYS_A_MONTH = 30;
/** Lambda's own lines of an invocation, start and report, in JSON: an estimate of ours. */
export const PLATFORM_LOG_BYTES = 700;
/** What CloudWatch Logs adds to each line (docs.aws.amazon.com/AmazonCloudWatch/latest/logs, PutLogEvents): two of Lambda, one of ours. */
const LOG_OVERHEAD_BYTES = 3 * 26;
/** An access log line of the API: an estimate of ours. */
const ACCESS_LOG_BYTES = 500;
/** Logs are stored compressed (aws.amazon.com/cloudwatch/pricing, its examples). */
const COMPRESSION = 0.15;
/** What a bus adds to an entry: id, account, time, region. An estimate of ours. */
const ENVELOPE_BYTES = 250;
/** docs.aws.amazon.com/lambda/latest/dg/services-xray.html, where it is on: one request a second, and 5 % of the others. */
const TRACED_SHARE = 0.05;

/** What so many jobs cost, line by line: from submission to end, without reading, model and waiting. */
export function billJobs(
  run: MeasuredRun,
  jobs: number,
  deployed: Deployed,
  prices: Prices,
  assumptions: Assumptions,
): BillLine[] {
  return Object.entries(run.functions).flatMap(([path, counts]) => {
    const units = unitsOf(path, counts, deployed, assumptions);
    return units
      .filter(({ amount }) => amount > 0)
      .map(({ service, what, price, amount }) => ({
        service,
        what,
        function: path,
        price,
        units: amount * jobs,
        cost: prices.cost(price, amount * jobs),
      }));
  });
}

interface Units {
  readonly service: string;
  readonly what: string;
  readonly price: PriceId;
  /** A job. */
  readonly amount: number;
}

/** What one function asks for, a job, in the units of the price list. */
export function unitsOf(
  path: string,
  counts: FunctionCounts,
  deployed: Deployed,
  { jobsPerSecond, calls }: Assumptions,
): Units[] {
  const line = (service: string, what: string, price: PriceId, amount: number): Units => ({
    service,
    what,
    price,
    amount,
  });
  const { memoryMb = 512, traced = false } = deployed.functions.get(path) ?? {};
  const isSubmit = path === SUBMIT;
  const { invocations, records } = counts;
  // Each message is sent by the bus; each invocation receives a batch and deletes it.
  const messageRequests = records + (records > 0 ? 2 * invocations : 0) + counts.sqsRequests;
  const storedGbMonths = ((counts.storedBytes / GB) * deployed.jobDays) / DAYS_A_MONTH;
  const logGb =
    (counts.logBytes + invocations * (PLATFORM_LOG_BYTES + LOG_OVERHEAD_BYTES) + (isSubmit ? ACCESS_LOG_BYTES : 0)) /
    GB;
  const archivedGb = (counts.entryBytes + counts.entries * ENVELOPE_BYTES) / GB;
  return [
    line("API Gateway", "requests", "apiGateway.rest", isSubmit ? 1 : 0),
    line("Lambda", "requests", "lambda.requests", invocations),
    line("Lambda", "time", "lambda.gbSeconds", (billedMs(counts, calls) / 1_000) * (memoryMb / 1_024)),
    line("DynamoDB", "write units", "dynamodb.writeUnits", counts.writeUnits),
    line("DynamoDB", "read units", "dynamodb.readUnits", counts.readUnits),
    line("DynamoDB", "storage", "dynamodb.storage", storedGbMonths),
    line("DynamoDB", "backup", "dynamodb.pitr", deployed.pointInTimeRecovery ? storedGbMonths : 0),
    line("EventBridge", "entries", "events.entries", counts.entryUnits),
    line("EventBridge", "archived", "events.archiveProcessing", archivedGb),
    line("EventBridge", "archive kept", "events.archiveStorage", (archivedGb * deployed.archiveDays) / DAYS_A_MONTH),
    line("SQS", "requests", "sqs.requests", messageRequests),
    line("SQS", "fair queues", "sqs.fairSurcharge", messageRequests),
    line("S3", "puts", "s3.puts", counts.s3Puts),
    line("S3", "gets", "s3.gets", counts.s3Gets),
    line("S3", "storage", "s3.storage", ((counts.s3PutBytes / GB) * deployed.jobDays) / DAYS_A_MONTH),
    line("CloudWatch", "logs", "logs.ingested", logGb),
    line("CloudWatch", "logs kept", "logs.stored", (logGb * COMPRESSION * deployed.logRetentionDays) / DAYS_A_MONTH),
    line("X-Ray", "traces", "xray.traces", traced ? tracesOf(invocations, jobsPerSecond) : 0),
  ];
}

/** The longer of what was measured and what the calls take on AWS, one after the other: local servers are near. */
export function billedMs(counts: FunctionCounts, calls: CallTimes): number {
  const { invocations, records, reads, writes, putEvents, s3Puts, s3Gets, sqsRequests } = counts;
  // Messages of one invocation are worked on at once, and wait at once.
  const atOnce = records > 0 ? invocations / records : 1;
  const waiting =
    reads * calls.readMs +
    writes * calls.writeMs +
    putEvents * calls.putEventsMs +
    (s3Puts + s3Gets) * calls.s3Ms +
    sqsRequests * calls.sqsMs;
  return Math.max(counts.billedMs, waiting * atOnce + invocations * calls.ownMs);
}

/** Of so many invocations a job, at so many jobs a second: each function samples by itself. */
export function tracesOf(invocationsPerJob: number, jobsPerSecond: number): number {
  const perSecond = invocationsPerJob * jobsPerSecond;
  if (perSecond <= 1) return invocationsPerJob;
  return (1 + TRACED_SHARE * (perSecond - 1)) / jobsPerSecond;
}

/** The run as it would be with so many messages an invocation: what an invocation takes stays, there are fewer of them. */
export function atMessages(run: MeasuredRun, messagesPerInvocation: number): MeasuredRun {
  const functions = Object.entries(run.functions).map(([path, counts]) => {
    if (counts.records === 0) return [path, counts] as const;
    const factor = counts.records / messagesPerInvocation / counts.invocations;
    const { invocations, billedMs: ms, logBytes } = counts;
    const fewer = { invocations: invocations * factor, billedMs: ms * factor, logBytes: logBytes * factor };
    return [path, { ...counts, ...fewer }] as const;
  });
  return { ...run, messagesPerInvocation, functions: Object.fromEntries(functions) };
}

export const totalOf = (lines: readonly { readonly cost: number }[]): number =>
  lines.reduce((total, { cost }) => total + cost, 0);
