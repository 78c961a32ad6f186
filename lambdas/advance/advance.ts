import type { EventBody } from "../../src/contract/events.ts";
import { advanceQueue, MAX_AHEAD_MS, type MessageDetail, topics } from "../../src/contract/messages.ts";
import type { Decision } from "../../src/core/decision.ts";
import { UnknownJobError } from "../../src/core/errors.ts";
import { isLeftToNewerCode } from "../../src/core/newer-code.ts";
import { letterDetail } from "../../src/core/publish.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { ADVANCE_STEP, isEnded, type JobState } from "../../src/core/state.ts";
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
  const aheadMs = (detail.at ?? 0) - clock.now();
  if (aheadMs > 0) {
    await queue.defer(advanceQueue(workflow), message, Math.min(aheadMs, MAX_AHEAD_MS));
    return done;
  }
  try {
    const decide = (state: JobState, nowMs: number): Decision<Before> => {
      const result = {
        setAside: isSetAside(state.advance),
        // Whoever set it aside may not have come to send it to the dead letters: it would have acked this message.
        unsent: detail.seq < (state.advance?.deadLettered?.seq ?? 0),
        newer: isLeftToNewerCode(state, deploySeq, nowMs),
      };
      if (isEnded(state)) return { events: [], result };
      const { attempt = 0, deadLettered, retryAtMs = 0 } = state.advance ?? {};
      if (deadLettered?.seq === detail.seq) {
        // Its dead letter was moved back to the queue: a person's decision to try again (rule 16).
        const about = { stepId: ADVANCE_STEP, capability: ADVANCE_STEP, base: attempt };
        const events: EventBody[] = [{ type: "step.redriven", ...about, by: "queue" }];
        return { events, result: { ...result, setAside: false }, advance: true };
      }
      // Its last try may have written and not published: the steps that nobody asked for again (rule 12).
      const missing = detail.spareUntil === undefined ? writer.missing(state, nowMs) : [];
      const messages = missing.filter(({ detail }) => detail.stepIds !== undefined);
      return { events: [], result, messages, advance: deadLettered === undefined && retryAtMs <= nowMs };
    };
    const before = await writer.update(jobId, decide, detail.seq);
    if (before.setAside && !before.unsent) return done;
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
    const { deadLettered, error } = after;
    const seq = deadLettered?.seq;
    const reason = { reason: `${error.name}: ${error.message}`, ...(seq === undefined ? {} : { seq }) };
    await queue.deadLetter(
      advanceQueue(workflow),
      { ...message, detail: letterDetail(detail, seq ?? detail.seq) },
      reason,
    );
    return done;
  } catch (error) {
    if (!(error instanceof UnknownJobError)) throw error;
    logger.warn("message about an unknown job dropped", { jobId });
    return done;
  }
}

interface Before {
  readonly setAside: boolean;
  readonly unsent: boolean;
  readonly newer: boolean;
}

const isSetAside = (advance: JobState["advance"]): boolean => advance?.deadLettered !== undefined;
