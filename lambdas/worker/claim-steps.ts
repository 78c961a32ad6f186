import type { EventBody } from "../../src/contract/events.ts";
import type { CommitId } from "../../src/contract/ids.ts";
import type { MessageDetail } from "../../src/contract/messages.ts";
import { decideClaim, keptAnswer } from "../../src/core/claim.ts";
import type { Decide } from "../../src/core/decision.ts";
import type { AnyCapability } from "../../src/core/define-capability.ts";
import { doubtOf, holdInDoubt } from "../../src/core/doubt.ts";
import { UnknownJobError } from "../../src/core/errors.ts";
import { iso } from "../../src/core/iso.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { isEnded, type JobState, type StepState } from "../../src/core/state.ts";
import { mustBeApart } from "./company.ts";
import type { Letter } from "./send-dead-letter.ts";

export interface ClaimRequest {
  readonly detail: MessageDetail;
  /** The commit that claimed these steps for this very delivery. */
  readonly claimedBy?: CommitId;
  /** Other messages that are worked on in the same invocation. @default 0 */
  readonly company?: number;
  /** Who has passed its gates, where there are any: what has become free since has asked nobody, and comes again to ask. */
  readonly passed: { has(stepId: string): boolean } | undefined;
}

/** A step that this worker holds. */
export interface Claimed {
  readonly stepId: string;
  readonly requestedAt: string;
  readonly attempt: number;
  readonly input: StepState["input"];
  /** The seq of the redrive that gave it this input; 0: as requested. */
  readonly editedSeq: number;
  /** When its job ends whatever happens, in epoch ms. */
  readonly deadlineMs: number;
  /** The attempt's stream, where it ended before its result was recorded: no second call is made. */
  readonly finished: StepState["finished"];
  /** The provider may keep an earlier attempt's answer under this id. */
  readonly reattachTo: string | undefined;
}

/** What became of the steps that a message names. */
export interface Claims {
  readonly claimed: Claimed[];
  readonly deferred: { readonly stepId: string; readonly untilMs: number }[];
  readonly held: Letter[];
  /** Given up before, by somebody who did not come to ack the message: it may be missing in the dead letters. */
  readonly unsent: Letter[];
  /** In doubt, and in company. */
  readonly suspects: string[];
  readonly dropped: number;
  /** Earlier attempts that ended without an outcome. */
  readonly doubts: number;
}

/** Claims what it can of the steps that a message names, in one commit. Undefined for a job that does not exist. */
export async function claimSteps(
  { detail, claimedBy, company = 0, passed }: ClaimRequest,
  capability: AnyCapability,
  runtime: Runtime,
): Promise<Claims | undefined> {
  const stepIds = detail.stepIds ?? [];
  if (claimedBy !== undefined) {
    const { state } = await runtime.writer.states.load(detail.jobId);
    const claimed = state && claimedBefore(state, stepIds, claimedBy, capability);
    if (claimed) return { claimed, deferred: [], held: [], unsent: [], suspects: [], dropped: 0, doubts: 0 };
  }
  try {
    const decide: Decide<Claims> = (state, nowMs) => {
      const decided = decideClaims(state, stepIds, capability, runtime, {
        nowMs,
        company,
        passed,
        messageSeq: detail.seq,
      });
      // Finding one's own step done may mean that what follows from it was never published. A spare message always may.
      const done = decided.result.dropped === stepIds.length && detail.spareUntil === undefined;
      return done ? { ...decided, messages: runtime.writer.missing(state, nowMs) } : decided;
    };
    return await runtime.writer.update(detail.jobId, decide, detail.seq);
  } catch (error) {
    if (error instanceof UnknownJobError) return undefined;
    throw error;
  }
}

const claimedStep = (
  { deadlineMs }: JobState,
  step: StepState,
  capability: AnyCapability,
  attempt = step.attempt,
): Claimed => {
  const { id: stepId, requestedAt, input, inputSeq, isEdited } = step;
  const editedSeq = isEdited ? inputSeq : 0;
  const reattachTo = keptAnswer(capability, step);
  return { stepId, requestedAt, attempt, input, editedSeq, deadlineMs, finished: undefined, reattachTo };
};

function claimedBefore(
  state: JobState,
  stepIds: readonly string[],
  claimedBy: CommitId,
  capability: AnyCapability,
): Claimed[] | undefined {
  // Since then the job may have been cancelled: nothing starts any more.
  if (isEnded(state)) return undefined;
  const claimed: Claimed[] = [];
  for (const stepId of stepIds) {
    const step = state.steps.get(stepId);
    if (step?.status !== "running" || step.lease?.commitId !== claimedBy) return undefined;
    claimed.push(claimedStep(state, step, capability));
  }
  return claimed;
}

function decideClaims(
  state: JobState,
  stepIds: readonly string[],
  capability: AnyCapability,
  { holder, maxSkewMs, isGone, calls, resources }: Runtime,
  {
    nowMs,
    company,
    passed,
    messageSeq,
  }: Required<Pick<ClaimRequest, "company" | "passed">> & {
    readonly nowMs: number;
    readonly messageSeq: number;
  },
): { events: EventBody[]; result: Claims } {
  const context = { nowMs, maxSkewMs, isGone, isCalling: calls.has.bind(calls), messageSeq };
  const events: EventBody[] = [];
  const claims = {
    claimed: [] as Claimed[],
    deferred: [] as Claims["deferred"][number][],
    held: [] as Letter[],
    unsent: [] as Letter[],
    suspects: [] as string[],
  };
  let dropped = 0;
  let doubts = 0;
  for (const stepId of stepIds) {
    const step = state.steps.get(stepId);
    if (step === undefined) {
      dropped += 1;
      continue;
    }
    const decision = decideClaim(state, stepId, capability, context);
    if ((decision.kind === "start" || decision.kind === "redrive") && passed?.has(stepId) === false) {
      claims.deferred.push({ stepId, untilMs: nowMs });
      continue;
    }
    const about = { stepId, capability: capability.name };
    const start = (attempt: number): EventBody => ({
      type: "step.started",
      ...about,
      attempt,
      lease: { holder, until: iso(nowMs + capability.leaseMs) },
    });
    switch (decision.kind) {
      case "start": {
        const { attempt, inDoubt } = decision;
        if (inDoubt !== undefined) {
          if (mustBeApart(step, { company, together: stepIds.length, nowMs })) {
            claims.suspects.push(stepId);
            break;
          }
          doubts += 1;
          events.push(doubtOf(step, inDoubt.policy, capability, resources));
        }
        events.push(start(attempt));
        claims.claimed.push(claimedStep(state, step, capability, attempt));
        break;
      }
      case "redrive":
        events.push({ type: "step.redriven", ...about, base: step.attempt, by: "queue" }, start(decision.attempt));
        claims.claimed.push(claimedStep(state, step, capability, decision.attempt));
        break;
      case "recover":
        claims.claimed.push({ ...claimedStep(state, step, capability, decision.attempt), finished: step.finished });
        break;
      case "hold": {
        doubts += 1;
        events.push(...holdInDoubt(step, { message: decision.reason }, capability, resources));
        claims.held.push({ stepId, reason: decision.reason, seq: state.seq + events.length });
        break;
      }
      case "defer":
        claims.deferred.push({ stepId, untilMs: decision.untilMs });
        break;
      case "drop": {
        const { deadLettered, error } = step;
        // A message of a dead letter has its event's seq: one that is older is what the step was worked on for.
        if (deadLettered && messageSeq < deadLettered.seq) {
          claims.unsent.push({ stepId, reason: `${error?.name}: ${error?.message}`, seq: deadLettered.seq });
        }
        dropped += 1;
        break;
      }
    }
  }
  return { events, result: { ...claims, dropped, doubts } };
}
