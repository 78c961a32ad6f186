import type { EventOf } from "../contract/events.ts";
import { notDeadLettered, reviewStatus } from "./fold-dead-letters.ts";
import type { JobState } from "./state.ts";

/*
 * What the log says of the workflow itself, where it could not be brought forward: under the step id `ADVANCE_STEP`.
 */

export function advanceFailed(state: JobState, event: EventOf<"step.failed">): void {
  state.advance = {
    attempt: event.attempt,
    failures: (state.advance?.failures ?? 0) + 1,
    error: event.error,
    retryAtMs: event.retryAt === undefined ? undefined : Date.parse(event.retryAt),
    deadLettered: undefined,
  };
}

export function advanceDeadLettered(state: JobState, time: string): void {
  if (state.advance) state.advance.deadLettered = { seq: state.seq, at: time };
}

/** A person's decision: the workflow has a fresh budget of tries. */
export function advanceRedriven(state: JobState, event: EventOf<"step.redriven">): void {
  const retryAtMs = event.notBefore === undefined ? undefined : Date.parse(event.notBefore);
  if (state.advance?.deadLettered === undefined) throw notDeadLettered(state, event);
  Object.assign(state.advance, { failures: 0, retryAtMs, deadLettered: undefined });
  reviewStatus(state);
}

/** A person's decision: nobody will try to run it again. The job's end follows. */
export function advanceDiscarded(state: JobState, event: EventOf<"step.discarded">): void {
  if (state.advance?.deadLettered === undefined) throw notDeadLettered(state, event);
  state.advance.deadLettered = undefined;
  reviewStatus(state);
}

/** Asking for something new shows that the workflow runs again. */
export function advanceRecovered(state: JobState): void {
  if (state.advance === undefined) return;
  state.advance = undefined;
  reviewStatus(state);
}
