import type { ErrorInfo, EventBody, Usage } from "../../src/contract/events.ts";
import type { JobId } from "../../src/contract/ids.ts";
import type { MessageDetail } from "../../src/contract/messages.ts";
import { type CallOutcome, checkOutput } from "../../src/core/call.ts";
import { keptAnswer } from "../../src/core/claim.ts";
import type { Decide } from "../../src/core/decision.ts";
import type { AnyCapability } from "../../src/core/define-capability.ts";
import { holdInDoubt } from "../../src/core/doubt.ts";
import { errorInfo, PublishingError } from "../../src/core/errors.ts";
import { iso } from "../../src/core/iso.ts";
import { decideRetry, type RetryDecision } from "../../src/core/retry.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { isEnded, type JobState, type StepState } from "../../src/core/state.ts";
import type { Claimed } from "./claim-steps.ts";
import { holds } from "./holds.ts";
import { logKeys } from "./log-keys.ts";
import { countSteps, countTokens, type Observed } from "./observe-step.ts";
import { sendDeadLetter } from "./send-dead-letter.ts";
import { untilRecorded } from "./until-recorded.ts";

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

/** What a worker was asked for, and until when it may record what came of it, in epoch ms. */
export interface Task {
  readonly detail: MessageDetail;
  readonly capability: AnyCapability;
  readonly recordUntilMs: number;
}

/**
 * Puts on record what a call came to, together with what the workflow asks for next. Of a superseded attempt, nothing.
 * Rejects with {@link PublishingError} where it was on record before, and nobody knows whether that was announced.
 */
export async function recordOutcome(
  step: Claimed,
  outcome: CallOutcome,
  task: Task,
  runtime: Runtime,
): Promise<Outcome> {
  const { detail, capability } = task;
  const { usage } = outcome;
  const { jobId } = detail;
  if (outcome.kind === "threw") {
    // Nobody knows what a call that we cut off has come to: of some capabilities only a person may have it made again.
    const mayHold = outcome.cutOff && capability.onInDoubt === "hold";
    return recordFailure(step, task, runtime, outcome.error, { usage, mayHold });
  }
  const checked = checkOutput(capability, outcome.output);
  if ("error" in checked) return recordFailure(step, task, runtime, checked.error, { usage, raw: checked.raw });
  const about = { stepId: step.stepId, capability: capability.name, attempt: step.attempt };
  const completed: EventBody = {
    type: "step.completed",
    ...about,
    result: checked.result,
    ...(usage ? { usage } : {}),
  };
  let current: StepState | undefined;
  const decide: Decide<"recorded" | "recorded before" | "late"> = (state) => {
    if (holds(state, step)) return { events: [completed], result: "recorded" };
    current = isEnded(state) ? undefined : state.steps.get(step.stepId);
    return { events: [], result: completedBefore(state, step) ? "recorded before" : "late" };
  };
  const recorded = await untilRecorded(() => runtime.writer.update(jobId, decide), task.recordUntilMs, runtime);
  if (recorded === "late") {
    runtime.logger.warn("late result dropped", { ...logKeys(detail), ...about });
    // This may be its last message, and who gave it up may have died before that was in the dead letters.
    const { deadLettered, error } = current ?? {};
    if (deadLettered && error) await bury(step, task, { error, seq: deadLettered.seq }, runtime);
  } else countSteps("StepsCompleted", 1, capability.name, runtime);
  countTokens(usage, capability.name, runtime);
  if (recorded === "recorded before") mayBeUnannounced(jobId, runtime);
  return { retry: undefined };
}

/** Whether this very attempt's result is on record: it was written, and its answer lost. */
function completedBefore({ steps }: JobState, { stepId, attempt }: Claimed): boolean {
  const last = steps.get(stepId)?.attempts.at(-1);
  return last?.attempt === attempt && last.outcome === "completed";
}

/** Where a commit and its messages are two writes, whoever asks again publishes them. */
function mayBeUnannounced(jobId: JobId, { atomicEffects }: Runtime): void {
  if (!atomicEffects) throw new PublishingError(jobId, new Error("the answer to the append was lost"));
}

/** A failure that is on record, and what follows from it. */
interface Failure extends Pick<RetryDecision, "counts" | "final" | "delayMs"> {
  /** Of the event that gave the step up. */
  readonly deadLetterSeq: number | undefined;
  /** What it says, if not what this call threw. */
  readonly error?: ErrorInfo | undefined;
  /** The job has ended with it: nobody comes again. */
  readonly isLast?: boolean;
  /** What the workflow asks for because of it may not have been published. */
  readonly isUnannounced?: boolean;
}

/**
 * What the log says of this very attempt's failure: it was written, and its answer lost so that nobody knew. What follows
 * from it is still to be done.
 */
function recordedBefore(current: StepState, { attempt }: Claimed, nowMs: number): Failure | undefined {
  const last = current.attempts.at(-1);
  if (last?.attempt !== attempt || (last.outcome !== "failed" && last.outcome !== "in-doubt")) return undefined;
  const { status, retryAtMs = nowMs, throttles, deadLettered, error } = current;
  if (status !== "retrying" && status !== "dead-lettered" && status !== "failed") return undefined;
  return {
    counts: throttles === 0,
    final: status !== "retrying",
    delayMs: Math.max(0, retryAtMs - nowMs),
    deadLetterSeq: deadLettered?.seq,
    error,
    isUnannounced: status === "failed",
  };
}

const bury = (
  { stepId }: Claimed,
  { detail, capability: { name } }: Pick<Task, "detail" | "capability">,
  { error, seq }: { readonly error: ErrorInfo; readonly seq: number },
  runtime: Runtime,
): Promise<void> => {
  const reason = `${error.name}: ${error.message}`;
  return sendDeadLetter({ stepId, reason, seq }, { detail, capability: name }, runtime);
};

async function recordFailure(
  step: Claimed,
  { detail, capability, recordUntilMs }: Task,
  runtime: Runtime,
  thrown: unknown,
  { usage, raw, mayHold = false }: { usage: Usage | undefined; raw?: StepState["result"]; mayHold?: boolean },
): Promise<Outcome> {
  const { ids, logger } = runtime;
  const { jobId } = detail;
  const about = { stepId: step.stepId, capability: capability.name, attempt: step.attempt };
  const error = errorInfo(thrown);
  const random = ids.random();
  const decide: Decide<Failure | undefined> = (state, nowMs) => {
    const current = state.steps.get(step.stepId);
    if (current === undefined) return { events: [], result: undefined };
    if (!holds(state, step))
      return { events: [], result: isEnded(state) ? undefined : recordedBefore(current, step, nowMs) };
    // The deadline has ended the call: nobody has to come by to end the job.
    const isLast = state.deadlineMs <= nowMs;
    const decision = decideRetry(thrown, current, capability, random);
    // While its provider keeps the answer and there are attempts, it is asked for that.
    if (mayHold && !isLast && (decision.final || keptAnswer(capability, current) === undefined)) {
      const message = `capability ${capability.name} holds a call that was cut off: ${error.message}`;
      const events = holdInDoubt(current, { message, cause: error, usage }, capability, runtime.resources);
      return { events, result: { counts: true, final: true, delayMs: 0, deadLetterSeq: state.seq + events.length } };
    }
    const events: EventBody[] = [
      {
        type: "step.failed",
        ...about,
        error,
        counts: decision.counts,
        final: decision.final,
        ...(decision.final || isLast ? {} : { retryAt: iso(nowMs + decision.delayMs) }),
        ...(raw === undefined ? {} : { output: raw }),
        ...(usage ? { usage } : {}),
      },
    ];
    const buried = decision.final && (decision.held || capability.onExhausted === "dead-letter");
    if (buried) events.push({ type: "step.dead_lettered", ...about, error });
    if (isLast) {
      events.push({ type: "job.expired", deadline: iso(state.deadlineMs) });
      return { events, result: { ...decision, isLast, deadLetterSeq: undefined } };
    }
    return { events, result: { ...decision, deadLetterSeq: buried ? state.seq + events.length : undefined } };
  };
  const outcome = await untilRecorded(() => runtime.writer.update(jobId, decide), recordUntilMs, runtime);
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
    const given = { error: outcome.error ?? error, seq: outcome.deadLetterSeq };
    await bury(step, { detail, capability }, given, runtime);
  }
  if (outcome.isUnannounced) mayBeUnannounced(jobId, runtime);
  const retry = final || outcome.isLast ? undefined : { stepId: step.stepId, delayMs, counts };
  return { retry, failedWith: error.name };
}
