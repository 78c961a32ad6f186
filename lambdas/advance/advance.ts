import { advanceQueue, type MessageDetail, topics } from "../../src/contract/messages.ts";
import { UnknownJobError } from "../../src/core/errors.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { isEnded } from "../../src/core/state.ts";

/** Before a message that newer code must handle comes again, in ms. */
const NEWER_CODE_MS = 10_000;

/**
 * Brings a job forward whose workflow could not be run when its last result came in. What is wrong with the workflow
 * goes on record; after a number of tries it waits for a person. Resolves with the wait before the next try.
 */
export async function advanceJob(
  workflow: string,
  detail: MessageDetail,
  { writer, queue, clock, logger, deploySeq }: Runtime,
): Promise<{ readonly retryAfterMs: number | undefined }> {
  const { jobId } = detail;
  try {
    await writer.update(jobId, (state) => {
      const waits = state.advance?.deadLettered || (state.advance?.retryAtMs ?? 0) > clock.now();
      return { events: [], result: undefined, advance: !isEnded(state) && !waits };
    });
  } catch (error) {
    if (!(error instanceof UnknownJobError)) throw error;
    logger.warn("message about an unknown job dropped", { jobId });
    return { retryAfterMs: undefined };
  }
  const state = await writer.states.load(jobId);
  if (state === undefined || isEnded(state)) return { retryAfterMs: undefined };
  if (state.deploySeq > deploySeq) return { retryAfterMs: NEWER_CODE_MS };
  if (state.advance === undefined) return { retryAfterMs: undefined };
  const { advance } = state;
  if (!advance.deadLettered) return { retryAfterMs: Math.max(0, (advance.retryAtMs ?? 0) - clock.now()) };
  const message = { topic: topics.advance(workflow), detail: { ...detail, seq: state.seq } };
  await queue.deadLetter(advanceQueue(workflow), message, {
    reason: `${advance.error.name}: ${advance.error.message}`,
    seq: state.seq,
  });
  return { retryAfterMs: undefined };
}
