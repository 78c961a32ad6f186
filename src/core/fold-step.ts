import type { EventBody, EventOf } from "../contract/events.ts";
import type { CommitId } from "../contract/ids.ts";
import { CorruptLogError } from "./errors.ts";
import {
  advanceDeadLettered,
  advanceDiscarded,
  advanceFailed,
  advanceRecovered,
  advanceRedriven,
} from "./fold-advance.ts";
import { notDeadLettered, reviewStatus } from "./fold-dead-letters.ts";
import { freeze } from "./freeze.ts";
import { TIMEOUT } from "./retry.ts";
import { ADVANCE_STEP, type AttemptState, type JobState, type StepState } from "./state.ts";

/** An event about a step, or, under the step id `ADVANCE_STEP`, about the workflow itself. */
export type StepEvent = Extract<EventBody, { stepId: string }>;

/** What an event does to its step, and to what the job counts of its steps. `commitId`, `time`: of its commit. */
export function applyStepEvent(state: JobState, event: StepEvent, commitId: CommitId, time: string): void {
  switch (event.type) {
    case "step.requested":
      if (state.steps.has(event.stepId)) {
        throw new CorruptLogError(`log of ${state.jobId}: step ${event.stepId} requested twice`);
      }
      state.steps.set(event.stepId, requested(event, state.seq, time));
      state.open += 1;
      if (state.open > 1) state.parallel = true;
      advanceRecovered(state);
      return;
    case "step.started": {
      const step = stepOf(state, event);
      if (step.status === "completed" || event.attempt <= step.attempt) {
        throw new CorruptLogError(
          `log of ${state.jobId}: attempt ${event.attempt} of step ${event.stepId} started after attempt ${step.attempt}, which is ${step.status}`,
        );
      }
      step.status = "running";
      step.attempt = event.attempt;
      step.retryAtMs = undefined;
      step.text = "";
      step.finished = undefined;
      step.lease = {
        holder: event.lease.holder,
        untilMs: Date.parse(event.lease.until),
        commitId,
      };
      step.attempts.push({ attempt: event.attempt, startedAt: time, outcome: "running" });
      return;
    }
    case "step.progress": {
      const step = stepOf(state, event);
      step.text += event.text ?? "";
      if (event.keptAs !== undefined) Object.assign(step, { keptAs: event.keptAs, keptBy: event.attempt });
      if (step.lease) step.lease = { ...step.lease, untilMs: Date.parse(event.leaseUntil) };
      if (event.final) step.finished = event;
      return;
    }
    case "step.completed": {
      const step = stepOf(state, event);
      if (step.status === "completed") {
        throw new CorruptLogError(`log of ${state.jobId}: step ${event.stepId} completed twice`);
      }
      if (event.attempt !== step.attempt) {
        throw new CorruptLogError(
          `log of ${state.jobId}: step ${event.stepId} completed by attempt ${event.attempt}, superseded by ${step.attempt}`,
        );
      }
      step.status = "completed";
      step.result = freeze(event.result);
      step.answeredSeq = state.seq;
      state.open -= 1;
      step.deadLettered = undefined;
      release(step);
      forgetKept(step);
      endAttempt(step, "completed", time);
      addUsage(state.usage, event.usage);
      reviewStatus(state);
      return;
    }
    case "step.failed":
      if (event.stepId === ADVANCE_STEP) advanceFailed(state, event);
      else failed(state, event, time);
      return;
    case "step.in_doubt": {
      const step = stepOf(state, event);
      step.doubts += 1;
      addUsage(state.usageInDoubt, event.estimate);
      release(step);
      endAttempt(step, "in-doubt", time);
      return;
    }
    case "step.dead_lettered":
      state.status = "dead-lettered";
      if (event.stepId === ADVANCE_STEP) advanceDeadLettered(state, time);
      else deadLettered(state, event, time);
      return;
    case "step.redriven":
      if (event.stepId === ADVANCE_STEP) advanceRedriven(state, event);
      else redriven(state, event, time);
      return;
    case "step.discarded":
      if (event.stepId === ADVANCE_STEP) advanceDiscarded(state, event);
      else discarded(state, event);
      return;
    default:
      event satisfies never;
      throw new CorruptLogError(`log of ${state.jobId}: unknown event ${JSON.stringify(event)}`);
  }
}

/** Steps that the workflow no longer waited for are abandoned: their leases mean nothing any more. */
export function endRunningSteps(state: JobState, time: string): void {
  for (const step of state.steps.values()) {
    if (step.status === "running") endAttempt(step, "abandoned", time);
  }
}

function failed(state: JobState, event: EventOf<"step.failed">, time: string): void {
  const step = stepOf(state, event);
  step.error = event.error;
  step.status = event.final ? "failed" : "retrying";
  if (event.final) {
    step.answeredSeq = state.seq;
    state.open -= 1;
  }
  step.retryAtMs = event.retryAt === undefined ? undefined : Date.parse(event.retryAt);
  if (event.counts) {
    step.failures += 1;
    step.throttles = 0;
  } else {
    step.throttles += 1;
  }
  release(step);
  // A call that we cut off may have its answer all the same, and one that only asks for an answer does not take it away.
  const cutOff = !event.counts || event.error.name === TIMEOUT;
  if (!cutOff && step.keptBy === event.attempt) forgetKept(step);
  endAttempt(step, "failed", time, event.error);
  addUsage(state.usage, event.usage);
}

function deadLettered(state: JobState, event: EventOf<"step.dead_lettered">, time: string): void {
  const step = stepOf(state, event);
  // A call in doubt may have its answer all the same; one that has failed has none.
  if (step.status === "failed" && event.error.name !== TIMEOUT) forgetKept(step);
  step.status = "dead-lettered";
  step.error = event.error;
  step.deadLettered = { seq: state.seq, at: time };
  step.retryAtMs = undefined;
  // The workflow never sees that it failed: it stays open until a person has decided.
  if (step.answeredSeq > 0) {
    step.answeredSeq = 0;
    state.open += 1;
  }
  release(step);
  // Nothing has said how it ended.
  endAttempt(step, "in-doubt", time, event.error);
}

/** A person's decision: the step has a fresh budget of attempts, whose numbers go on (rule 3). */
function redriven(state: JobState, event: EventOf<"step.redriven">, time: string): void {
  const retryAtMs = event.notBefore === undefined ? undefined : Date.parse(event.notBefore);
  const step = stepOf(state, event);
  if (step.status !== "dead-lettered" || event.base !== step.attempt) throw notDeadLettered(state, event);
  step.status = retryAtMs === undefined ? "requested" : "retrying";
  if (event.input !== undefined) {
    Object.assign(step, { input: freeze(event.input), inputSeq: state.seq, isEdited: true });
    forgetKept(step);
  }
  Object.assign(step, { retryAtMs, askedAt: time, failures: 0, throttles: 0, doubts: 0 });
  step.deadLettered = undefined;
  reviewStatus(state);
}

/** A person's decision: nobody will try again. To the workflow the step has failed. */
function discarded(state: JobState, event: EventOf<"step.discarded">): void {
  const error = { name: "DiscardedError", message: event.reason };
  const step = stepOf(state, event);
  const isKept = event.by === "fork" && step.status === "requested";
  if (!isKept && step.status !== "dead-lettered") throw notDeadLettered(state, event);
  const cause = isKept ? event.cause : step.error;
  step.status = "failed";
  step.error = { ...error, ...(cause ? { cause } : {}) };
  step.deadLettered = undefined;
  state.open -= 1;
  step.answeredSeq = state.seq;
  reviewStatus(state);
}

function requested(event: EventOf<"step.requested">, inputSeq: number, time: string): StepState {
  return {
    id: event.stepId,
    capability: event.capability,
    input: freeze(event.input),
    inputSeq,
    isEdited: false,
    requestedAt: time,
    askedAt: time,
    status: "requested",
    attempt: 0,
    failures: 0,
    throttles: 0,
    doubts: 0,
    lease: undefined,
    retryAtMs: undefined,
    result: undefined,
    answeredSeq: 0,
    error: undefined,
    deadLettered: undefined,
    text: "",
    keptAs: undefined,
    keptBy: undefined,
    finished: undefined,
    attempts: [],
  };
}

function stepOf(state: JobState, event: { stepId: string; type: string }): StepState {
  const step = state.steps.get(event.stepId);
  if (!step) throw new CorruptLogError(`log of ${state.jobId}: ${event.type} of step ${event.stepId}, never requested`);
  return step;
}

function release(step: StepState): void {
  step.lease = undefined;
  step.text = "";
  step.finished = undefined;
}

function forgetKept(step: StepState): void {
  step.keptAs = undefined;
  step.keptBy = undefined;
}

function endAttempt(
  step: StepState,
  outcome: Exclude<AttemptState["outcome"], "running">,
  time: string,
  error?: StepState["error"],
): void {
  const last = step.attempts.at(-1);
  if (last === undefined || last.outcome !== "running") return;
  last.outcome = outcome;
  last.endedAt = time;
  if (error) last.error = error;
}

function addUsage(total: JobState["usage"], usage: EventOf<"step.completed">["usage"]): void {
  if (usage === undefined) return;
  for (const key of ["inputTokens", "outputTokens", "costUsd"] as const) {
    const value = usage[key];
    if (value !== undefined) total[key] = (total[key] ?? 0) + value;
  }
  if (usage.model !== undefined) total.model = usage.model;
}
