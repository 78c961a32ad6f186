import { isEnded, type JobState } from "../../src/core/state.ts";

/** Whether an attempt may record anything: being superseded is the fence, not being late (rule 4). */
export function holds(
  state: JobState,
  { stepId, attempt }: { readonly stepId: string; readonly attempt: number },
): boolean {
  const step = state.steps.get(stepId);
  return !isEnded(state) && step?.status === "running" && step.attempt === attempt;
}
