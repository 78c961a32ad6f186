import type { EventBody, Usage } from "../../src/contract/events.ts";
import type { MessageDetail } from "../../src/contract/messages.ts";
import { topics } from "../../src/contract/messages.ts";
import { type CallOutcome, checkOutput } from "../../src/core/call.ts";
import type { AnyCapability } from "../../src/core/define-capability.ts";
import { errorInfo } from "../../src/core/errors.ts";
import { iso } from "../../src/core/iso.ts";
import { decideRetry, type RetryDecision } from "../../src/core/retry.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { isEnded, type StepState } from "../../src/core/state.ts";
import type { Claimed } from "./claim-steps.ts";
import { holds } from "./holds.ts";
import { logKeys } from "./log-keys.ts";
import { countSteps, countTokens, type Observed } from "./observe-step.ts";

/** A step that is to be tried again. */
export interface Retry {
  readonly stepId: string;
  readonly delayMs: number;
  readonly counts: boolean;
}

/** What became of an attempt, and what to try again. */
export interface Outcome extends Observed {
  readonly retry: Retry | undefined;
}

/** Puts on record what a call came to, together with what the workflow asks for next. Of a superseded attempt, nothing. */
export async function recordOutcome(
  step: Claimed,
  outcome: CallOutcome,
  detail: MessageDetail,
  capability: AnyCapability,
  runtime: Runtime,
): Promise<Outcome> {
  const { usage } = outcome;
  const { jobId } = detail;
  if (outcome.kind === "threw") return recordFailure(step, detail, capability, runtime, outcome.error, { usage });
  const checked = checkOutput(capability, outcome.output);
  if ("error" in checked) {
    return recordFailure(step, detail, capability, runtime, checked.error, { usage, raw: checked.raw });
  }
  const about = { stepId: step.stepId, capability: capability.name, attempt: step.attempt };
  const recorded = await runtime.writer.update(jobId, (state) => {
    if (!holds(state, step)) return { events: [], result: false };
    return {
      events: [{ type: "step.completed", ...about, result: checked.result, ...(usage ? { usage } : {}) }],
      result: true,
    };
  });
  countTokens(usage, capability.name, runtime);
  if (recorded) countSteps("StepsCompleted", 1, capability.name, runtime);
  else runtime.logger.warn("late result dropped", { ...logKeys(detail), ...about });
  return { retry: undefined };
}

/** A failure that is on record, and what follows from it. */
interface Failure extends Pick<RetryDecision, "counts" | "final" | "delayMs"> {
  /** Of the event that gave the step up. */
  readonly deadLetterSeq: number | undefined;
}

/**
 * What the log says of this very attempt's failure: it was written, and its answer lost so that nobody knew. What follows
 * from it is still to be done.
 */
function recordedBefore(current: StepState, { attempt }: Claimed, nowMs: number): Failure | undefined {
  const last = current.attempts.at(-1);
  if (last?.attempt !== attempt || last.outcome !== "failed") return undefined;
  const { status, retryAtMs = nowMs, throttles, deadLettered } = current;
  if (status !== "retrying" && status !== "dead-lettered") return undefined;
  return {
    counts: throttles === 0,
    final: status === "dead-lettered",
    delayMs: Math.max(0, retryAtMs - nowMs),
    deadLetterSeq: deadLettered?.seq,
  };
}

async function recordFailure(
  step: Claimed,
  detail: MessageDetail,
  capability: AnyCapability,
  runtime: Runtime,
  thrown: unknown,
  { usage, raw }: { usage: Usage | undefined; raw?: StepState["result"] },
): Promise<Outcome> {
  const { writer, ids, queue, logger } = runtime;
  const { jobId } = detail;
  const about = { stepId: step.stepId, capability: capability.name, attempt: step.attempt };
  const error = errorInfo(thrown);
  const random = ids.random();
  const outcome = await writer.update<Failure | undefined>(jobId, (state, nowMs) => {
    const current = state.steps.get(step.stepId);
    if (current === undefined) return { events: [], result: undefined };
    if (!holds(state, step))
      return { events: [], result: isEnded(state) ? undefined : recordedBefore(current, step, nowMs) };
    const decision = decideRetry(thrown, current, capability, random);
    const events: EventBody[] = [
      {
        type: "step.failed",
        ...about,
        error,
        counts: decision.counts,
        final: decision.final,
        ...(decision.final ? {} : { retryAt: iso(nowMs + decision.delayMs) }),
        ...(raw === undefined ? {} : { output: raw }),
        ...(usage ? { usage } : {}),
      },
    ];
    const buried = decision.final && (decision.held || capability.onExhausted === "dead-letter");
    if (buried) events.push({ type: "step.dead_lettered", ...about, error });
    // The deadline has ended the call: nobody has to come by to end the job.
    if (state.deadlineMs <= nowMs) {
      events.push({ type: "job.expired", deadline: iso(state.deadlineMs) });
      return { events, result: { ...decision, final: true, deadLetterSeq: undefined } };
    }
    return { events, result: { ...decision, deadLetterSeq: buried ? state.seq + events.length : undefined } };
  });
  if (outcome === undefined) {
    logger.warn("late failure dropped", { ...logKeys(detail), ...about });
    return { retry: undefined, failedWith: error.name };
  }
  const { counts, final, delayMs } = outcome;
  logger.warn("step failed", { ...logKeys(detail), ...about, error: error.name, counts, final });
  countTokens(usage, capability.name, runtime);
  countSteps(counts ? "StepsFailed" : "StepsThrottled", 1, capability.name, runtime);
  if (outcome.deadLetterSeq !== undefined) {
    countSteps("StepsDeadLettered", 1, capability.name, runtime);
    const message = {
      topic: topics.requested(capability.name),
      detail: { ...detail, seq: outcome.deadLetterSeq, stepIds: [step.stepId] },
    };
    await queue.deadLetter(capability.name, message, {
      reason: `${error.name}: ${error.message}`,
      seq: outcome.deadLetterSeq,
    });
  }
  const retry = final ? undefined : { stepId: step.stepId, delayMs, counts };
  return { retry, failedWith: error.name };
}
