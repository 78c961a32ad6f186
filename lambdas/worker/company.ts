import type { StepState } from "../../src/core/state.ts";

/** Copies of a crashed batch's messages come back spread over this time, in ms, so that each finds a worker of its own. */
export const APART_MS = 30_000;
/** For so long after its lease a step may be put off, in ms: under constant load there is no worker without company. */
const PATIENCE_MS = 600_000;

/**
 * Whether a step in doubt has to wait for a worker of its own (rule 20). What has killed one may kill the next, and all
 * that is worked on beside it would be in doubt, paid again, and given up in the end together with it. Steps of one
 * message are parted from the second time on: most crashes are nobody's fault.
 *
 * @param company other messages of the batch
 * @param together steps of the message, this one included
 */
export function mustBeApart(
  { doubts, lease }: Pick<StepState, "doubts" | "lease">,
  { company, together, nowMs }: { readonly company: number; readonly together: number; readonly nowMs: number },
): boolean {
  const isPatient = nowMs - (lease?.untilMs ?? 0) < PATIENCE_MS;
  return isPatient && (company > 0 || (together > 1 && doubts > 0));
}
