import { CorruptLogError } from "./errors.ts";
import type { JobState } from "./state.ts";

/** A job whose last dead letter is gone goes on. */
export function reviewStatus(state: JobState): void {
  if (state.status !== "dead-lettered" || state.advance?.deadLettered !== undefined) return;
  for (const step of state.steps.values()) if (step.status === "dead-lettered") return;
  state.status = "running";
}

export const notDeadLettered = (state: JobState, { type, stepId }: { type: string; stepId: string }): CorruptLogError =>
  new CorruptLogError(`log of ${state.jobId}: ${type} of ${stepId}, which is not dead-lettered`);
