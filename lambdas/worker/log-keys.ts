import type { MessageDetail } from "../../src/contract/messages.ts";
import { traceIdOf } from "../../src/telemetry/trace.ts";

/** What every line about a message has: whose log to look at, and the trace it belongs to. */
export function logKeys({ jobId, traceparent }: MessageDetail): object {
  const traceId = traceIdOf(traceparent);
  return { jobId, ...(traceId === undefined ? {} : { traceId }) };
}
