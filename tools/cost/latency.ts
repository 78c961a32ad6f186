import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const Hop = z.object({
  what: z.string(),
  p50Ms: z.number(),
  p90Ms: z.number(),
  /** Somebody measured it on AWS and published it. If not, it is an estimate. */
  published: z.boolean(),
  source: z.url(),
  note: z.string(),
});

const LatencyFile = z.object({
  dated: z.string(),
  hops: z.array(Hop),
  older: z.object({ what: z.string(), p50Ms: z.number(), p90Ms: z.number(), source: z.url() }),
  calls: z.object({
    note: z.string(),
    readMs: z.number(),
    writeMs: z.number(),
    putEventsMs: z.number(),
    s3Ms: z.number(),
    sqsMs: z.number(),
    ownMs: z.number(),
  }),
});
export type Latency = z.output<typeof LatencyFile>;

export const loadLatency = (): Latency =>
  LatencyFile.parse(JSON.parse(readFileSync(join(import.meta.dirname, "latency.json"), "utf8")));

/** From the end of a step's work to the begin of the next one's. Percentiles do not add up: that of p90 is above the true one. */
export const nextStepMs = ({ hops }: Latency): { readonly p50Ms: number; readonly p90Ms: number } => ({
  p50Ms: hops.reduce((sum, { p50Ms }) => sum + p50Ms, 0),
  p90Ms: hops.reduce((sum, { p90Ms }) => sum + p90Ms, 0),
});
