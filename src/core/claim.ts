import type { AnyCapability } from "./define-capability.ts";
import { isEnded, type JobState, type StepState } from "./state.ts";

export interface ClaimContext {
  readonly nowMs: number;
  /** How far two clocks may be apart, in ms: 10,000 on AWS, 0 in one process. */
  readonly maxSkewMs: number;
  /** Whether this very process is making the call: then no clock can say that it is lost. */
  readonly isCalling: (jobId: string, stepId: string, attempt: number) => boolean;
  /** Whether the worker of this name is known to be dead, so that its leases are void at once. */
  readonly isGone: (holder: string) => boolean;
  /** The seq that the message carries. */
  readonly messageSeq: number;
}

/** What to do with a message that asks for a step. */
export type ClaimDecision =
  | Start
  /** The message is its dead letter, moved back to the queue: a person's decision to try again (rule 16). */
  | { readonly kind: "redrive"; readonly attempt: number }
  /** The attempt's stream had ended before it was lost: its recorded outcome is taken, nothing is called again. */
  | { readonly kind: "recover"; readonly attempt: number }
  /** An earlier attempt ended without an outcome, and its capability or its cap says that a person decides. */
  | { readonly kind: "hold"; readonly inDoubt: number; readonly reason: string }
  /** Somebody else works on it, or its wait is not over: look again then. */
  | { readonly kind: "defer"; readonly untilMs: number }
  /** Nothing to do: done, given up, or never asked for. */
  | { readonly kind: "drop"; readonly reason: string };

/** Start this attempt. */
export interface Start {
  readonly kind: "start";
  readonly attempt: number;
  /** An earlier one ended without an outcome. */
  readonly inDoubt?: {
    readonly attempt: number;
    readonly policy: "reattach" | "rerun";
    /** What it had streamed. */
    readonly streamed: string;
  };
}

/** The id under which the provider may keep an earlier attempt's answer. Asking for that is no second call, whatever the policy says of those. */
export const keptAnswer = ({ reattach }: AnyCapability, { keptAs }: StepState): string | undefined =>
  reattach === undefined ? undefined : keptAs;

/**
 * Decides what a delivery may do with a step (invariants 2, 3 and 7). A step is taken over only when its lease and
 * twice the clocks' skew have passed. Attempt numbers never restart.
 */
export function decideClaim(
  state: JobState,
  stepId: string,
  capability: AnyCapability,
  context: ClaimContext,
): ClaimDecision {
  if (isEnded(state)) return { kind: "drop", reason: `the job is ${state.status}` };
  if (state.deadlineMs <= context.nowMs) return { kind: "drop", reason: "the job is past its deadline" };
  const step = state.steps.get(stepId);
  if (step === undefined) return { kind: "drop", reason: "the step is not in the log" };
  if (step.capability !== capability.name) {
    return { kind: "drop", reason: `the step belongs to capability ${step.capability}` };
  }
  const isKept = keptAnswer(capability, step) !== undefined;
  switch (step.status) {
    case "dead-lettered":
      if (step.deadLettered?.seq === context.messageSeq) return { kind: "redrive", attempt: step.attempt + 1 };
      return { kind: "drop", reason: `the step is ${step.status}` };
    case "completed":
    case "failed":
      return { kind: "drop", reason: `the step is ${step.status}` };
    case "requested":
      return { kind: "start", attempt: step.attempt + 1 };
    case "retrying":
      if (step.retryAtMs !== undefined && step.retryAtMs > context.nowMs) {
        return { kind: "defer", untilMs: step.retryAtMs };
      }
      return { kind: "start", attempt: step.attempt + 1 };
    case "running": {
      const takeoverMs = heldUntilMs(state, step, context);
      if (takeoverMs > context.nowMs) return { kind: "defer", untilMs: takeoverMs };
      if (step.finished) return { kind: "recover", attempt: step.attempt };
      if (capability.onInDoubt === "hold" && !isKept) {
        return { kind: "hold", inDoubt: step.attempt, reason: `capability ${capability.name} holds a call in doubt` };
      }
      if (step.doubts + 1 > capability.maxReruns) {
        return { kind: "hold", inDoubt: step.attempt, reason: `${step.doubts + 1} attempts ended without an outcome` };
      }
      const policy = isKept ? "reattach" : "rerun";
      const inDoubt = { attempt: step.attempt, policy, streamed: step.text } as const;
      return { kind: "start", attempt: step.attempt + 1, inDoubt };
    }
  }
}

/** Until when nobody may take a running step from its attempt, in epoch ms; in the past where nobody holds it. */
export function heldUntilMs(
  { jobId }: JobState,
  { id, attempt, lease }: StepState,
  { nowMs, maxSkewMs, isCalling, isGone }: Omit<ClaimContext, "messageSeq">,
): number {
  if (isCalling(jobId, id, attempt)) return nowMs + STILL_CALLING_MS;
  return lease && !isGone(lease.holder) ? lease.untilMs + 2 * maxSkewMs : 0;
}

/** Before a message about a call that this process is making comes again, in ms. */
const STILL_CALLING_MS = 30_000;
