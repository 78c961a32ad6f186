import { advanceQueue, type MessageDetail, topics } from "../../src/contract/messages.ts";
import { UnknownJobError } from "../../src/core/errors.ts";
import { isLeftToNewerCode } from "../../src/core/newer-code.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { isEnded, type JobState } from "../../src/core/state.ts";
import { inSpan } from "../../src/telemetry/trace.ts";

/** Before a message that newer code must handle comes again, in ms. */
const NEWER_CODE_MS = 10_000;

/**
 * Brings a job forward whose workflow could not be run when its last result came in. What is wrong with the workflow
 * goes on record; after a number of tries it waits for a person. Resolves with the wait before the next try.
 */
export function advanceJob(
  workflow: string,
  detail: MessageDetail,
  runtime: Runtime,
): Promise<{ readonly retryAfterMs: number | undefined }> {
  const attributes = { "sluice.job.id": detail.jobId, "sluice.workflow": workflow };
  return inSpan(`advance ${workflow}`, { kind: "consumer", traceparent: detail.traceparent, attributes }, () =>
    advanceInSpan(workflow, detail, runtime),
  );
}

async function advanceInSpan(
  workflow: string,
  detail: MessageDetail,
  runtime: Runtime,
): Promise<{ readonly retryAfterMs: number | undefined }> {
  const { writer, queue, clock, logger, deploySeq } = runtime;
  const { jobId } = detail;
  const done = { retryAfterMs: undefined };
  const message = { topic: topics.advance(workflow), detail };
  try {
    const decide = (state: JobState, nowMs: number) => {
      const waits = isSetAside(state.advance) || (state.advance?.retryAtMs ?? 0) > nowMs;
      const result = { setAside: isSetAside(state.advance), newer: isLeftToNewerCode(state, deploySeq, nowMs) };
      return { events: [], result, advance: !isEnded(state) && !waits };
    };
    const before = await writer.update(jobId, decide, detail.seq);
    if (before.setAside) return done;
    if (before.newer) {
      await queue.defer(advanceQueue(workflow), message, NEWER_CODE_MS);
      return done;
    }
    const after = await writer.update(jobId, (state) => ({
      events: [],
      result: isEnded(state) ? undefined : state.advance,
    }));
    if (after === undefined) return done;
    if (!isSetAside(after)) return { retryAfterMs: Math.max(0, (after.retryAtMs ?? 0) - clock.now()) };
    const { deadLetteredSeq: seq, error } = after;
    const reason = { reason: `${error.name}: ${error.message}`, ...(seq === undefined ? {} : { seq }) };
    await queue.deadLetter(
      advanceQueue(workflow),
      { ...message, detail: { ...detail, seq: seq ?? detail.seq } },
      reason,
    );
    return done;
  } catch (error) {
    if (!(error instanceof UnknownJobError)) throw error;
    logger.warn("message about an unknown job dropped", { jobId });
    return done;
  }
}

const isSetAside = (advance: { deadLetteredSeq: number | undefined } | undefined): boolean =>
  advance?.deadLetteredSeq !== undefined;
