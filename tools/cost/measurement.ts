import { readFileSync } from "node:fs";
import { z } from "zod";
import { UsageError } from "../read-outputs.ts";

/** What one function did, on average: a job, or an invocation of an instance at rest. */
export const FunctionCounts = z.object({
  invocations: z.number(),
  /** Messages that it was handed. */
  records: z.number(),
  /** Of warm invocations, each rounded up to a whole ms, as if all had been warm. */
  billedMs: z.number(),
  logBytes: z.number(),
  writes: z.number(),
  writeUnits: z.number(),
  /** What the same writes would take if none were of more than 1 KB. */
  leastWriteUnits: z.number(),
  conflicts: z.number(),
  reads: z.number(),
  readUnits: z.number(),
  /** What its writes leave in the table and its indexes, with the 100 bytes that DynamoDB adds to each item. */
  storedBytes: z.number(),
  /** Calls of PutEvents, their entries, and these in units of 64 KB. */
  putEvents: z.number(),
  entries: z.number(),
  entryUnits: z.number(),
  entryBytes: z.number(),
  /** Requests to SQS of the function's own, in units of 64 KB. */
  sqsRequests: z.number(),
  s3Puts: z.number(),
  s3PutBytes: z.number(),
  s3Gets: z.number(),
  /** Calls that are made once a container, and what this tool has no price for, by service and action. */
  others: z.record(z.string(), z.number()),
});
export type FunctionCounts = z.output<typeof FunctionCounts>;

const MeasuredRun = z.object({
  jobs: z.number().int().nonnegative(),
  /** As counted. */
  messagesPerInvocation: z.number(),
  /** By the path of the function's construct, a job. */
  functions: z.record(z.string(), FunctionCounts),
});
export type MeasuredRun = z.output<typeof MeasuredRun>;

/** Averages of what was measured, small enough to be kept. */
const Measurement = z.object({
  workflow: z.string(),
  /** Steps of a job: the messages that workers were handed. */
  steps: z.number(),
  how: z.string(),
  commit: z.string(),
  date: z.string(),
  runs: z.array(MeasuredRun).min(1),
  /** Metrics of ours that were written, each with its dimensions. */
  metricSeries: z.number().optional(),
  /** One run of the reconciler with nothing due. */
  reconciler: FunctionCounts.optional(),
  /** One `GET` of a job. */
  read: FunctionCounts.optional(),
});
export type Measurement = z.output<typeof Measurement>;

/** The run with about this many messages an invocation. */
export function runOf({ runs }: Measurement, messagesPerInvocation: number): MeasuredRun {
  const distance = (run: MeasuredRun): number => Math.abs(run.messagesPerInvocation - messagesPerInvocation);
  return runs.reduce((best, run) => (distance(run) < distance(best) ? run : best));
}

/** Throws {@link UsageError} for a file that is not there, or is no measurement. */
export function readMeasurement(file: string): Measurement {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
  const measurement = Measurement.safeParse(value);
  if (measurement.success) return measurement.data;
  throw new UsageError(`${file} is no measurement: ${z.prettifyError(measurement.error)}`);
}
