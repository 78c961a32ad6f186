import type { WaitingLetter } from "../../src/core/commands.ts";
import type { App } from "../../src/core/define-app.ts";
import { IN_DOUBT } from "../../src/core/retry.ts";
import type { JobState } from "../../src/core/state.ts";

/**
 * Whether a dead letter has had a call that may have been made, and paid for, so that a person has to decide on another: as
 * its error says, or, where it was given up for another reason later, as its capability does. What the app does not know is held.
 */
export function isHeldInDoubt({ steps }: JobState, { stepId, capability }: WaitingLetter, app: App): boolean {
  const step = steps.get(stepId);
  if (step === undefined) return false;
  if (step.error?.name === IN_DOUBT) return true;
  const isHeld = (app.capabilities.get(capability)?.onInDoubt ?? "hold") === "hold";
  return isHeld && step.attempts.some(({ outcome }) => outcome === "in-doubt");
}
