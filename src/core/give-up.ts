import type { ErrorInfo, EventBody } from "../contract/events.ts";
import type { StepState } from "./state.ts";

/**
 * Gives up a step that nobody holds, on record, so that it waits for a person. A call that may have been made for it is
 * never hidden, nor is an answer that is on record passed off as unknown (invariant 4).
 */
export function giveUp({ id, capability, status, attempt, finished, text }: StepState, error: ErrorInfo): EventBody[] {
  const about = { stepId: id, capability, attempt };
  const deadLettered: EventBody = { type: "step.dead_lettered", ...about, error };
  if (status !== "running") return [deadLettered];
  if (finished) {
    const { usage } = finished;
    const failed: EventBody = { type: "step.failed", ...about, error, counts: true, final: true };
    return [usage ? { ...failed, usage } : failed, deadLettered];
  }
  const streamed = text === "" ? {} : { streamed: text.length };
  return [{ type: "step.in_doubt", ...about, policy: "hold", ...streamed }, deadLettered];
}
