import type { Commit, EventBody, EventOf } from "../contract/events.ts";
import { isTerminal } from "../contract/events.ts";
import { freeze } from "./freeze.ts";
import { ADVANCE_STEP, isEnded, type JobState, type StepState } from "./state.ts";

/** A log breaks an invariant. Never repaired silently: whoever reads it must know. */
export class CorruptLogError extends Error {
  override readonly name = "CorruptLogError";
}

/** What `applyEvent` needs to know of the commit around an event. */
export type CommitHeader = Omit<Commit, "events">;

/** Folds a whole log, or, given the state so far, the commits after it. Undefined for a log without commits. */
export function fold(commits: readonly Commit[], initial?: JobState): JobState | undefined {
  let state = initial;
  for (const commit of commits) {
    const expected = (state?.seq ?? 0) + 1;
    if (commit.firstSeq !== expected) {
      throw new CorruptLogError(`log of ${commit.jobId}: expected seq ${expected}, got ${commit.firstSeq}`);
    }
    for (const event of commit.events) state = applyEvent(state, event, commit);
  }
  return state;
}

/** Applies one event, in place. The only writer of a {@link JobState}. */
export function applyEvent(state: JobState | undefined, event: EventBody, commit: CommitHeader): JobState {
  if (state === undefined) {
    if (event.type !== "job.submitted") {
      throw new CorruptLogError(`log of ${commit.jobId} begins with ${event.type}, not with job.submitted`);
    }
    return begin(event, commit);
  }
  if (isEnded(state)) throw new CorruptLogError(`log of ${state.jobId}: ${event.type} after the terminal event`);
  if (commit.commitId !== state.lastCommitId) nextCommit(state, commit);
  state.seq += 1;
  state.updatedAt = commit.time;
  state.lastCommitId = commit.commitId;
  if (commit.deploySeq > state.deploySeq) state.deploySeq = commit.deploySeq;
  if (isTerminal(event)) endRunningSteps(state, commit.time);
  change(state, event, commit);
  return state;
}

function nextCommit(state: JobState, { snapshotSeq = 0 }: CommitHeader): void {
  if (snapshotSeq > state.snapshotSeq) {
    state.snapshotSeq = snapshotSeq;
    state.snapshotCommits = state.commits;
  }
  state.commits += 1;
}

function begin(event: EventOf<"job.submitted">, commit: CommitHeader): JobState {
  return {
    jobId: commit.jobId,
    tenant: commit.tenant,
    workflow: event.workflow,
    input: freeze(event.input),
    digest: event.digest,
    createdAt: commit.time,
    deadlineMs: Date.parse(event.deadline),
    expiresMs: Date.parse(event.expires),
    traceparent: event.traceparent,
    startAtMs: event.startAt === undefined ? undefined : Date.parse(event.startAt),
    forkedFrom: event.forkedFrom,
    seq: 1,
    updatedAt: commit.time,
    deploySeq: commit.deploySeq,
    lastCommitId: commit.commitId,
    commits: 1,
    snapshotSeq: 0,
    snapshotCommits: 0,
    status: "running",
    output: undefined,
    error: undefined,
    inputDrift: [],
    steps: new Map(),
    values: new Map(),
    timers: new Map(),
    open: 0,
    parallel: false,
    advance: undefined,
    usage: {},
    usageInDoubt: {},
    size: 0,
  };
}

function change(state: JobState, event: EventBody, commit: CommitHeader): void {
  switch (event.type) {
    case "job.submitted":
      throw new CorruptLogError(`log of ${state.jobId}: a second job.submitted`);
    case "job.completed":
      state.status = "completed";
      state.output = freeze(event.output);
      state.inputDrift.push(...(event.inputDrift ?? []));
      state.advance = undefined;
      return;
    case "job.failed":
      state.status = "failed";
      state.error = event.error;
      return;
    case "job.expired":
      state.status = "expired";
      return;
    case "job.cancelled":
      state.status = "cancelled";
      if (event.reason !== undefined) state.error = { name: "JobCancelledError", message: event.reason };
      return;
    case "step.requested":
      if (state.steps.has(event.stepId)) {
        throw new CorruptLogError(`log of ${state.jobId}: step ${event.stepId} requested twice`);
      }
      state.steps.set(event.stepId, requested(event, commit.time));
      state.open += 1;
      if (state.open > 1) state.parallel = true;
      recovered(state);
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
      step.keptAs = undefined;
      step.finished = undefined;
      step.lease = {
        holder: event.lease.holder,
        untilMs: Date.parse(event.lease.until),
        commitId: commit.commitId,
      };
      step.attempts.push({ attempt: event.attempt, startedAt: commit.time, outcome: "running" });
      return;
    }
    case "step.progress": {
      const step = stepOf(state, event);
      step.text += event.text ?? "";
      if (event.keptAs !== undefined) step.keptAs = event.keptAs;
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
      endAttempt(step, "completed", commit.time);
      addUsage(state.usage, event.usage);
      reviewStatus(state);
      return;
    }
    case "step.failed":
      if (event.stepId === ADVANCE_STEP) {
        state.advance = {
          attempt: event.attempt,
          failures: (state.advance?.failures ?? 0) + 1,
          error: event.error,
          retryAtMs: event.retryAt === undefined ? undefined : Date.parse(event.retryAt),
          deadLettered: undefined,
        };
        return;
      }
      failed(state, event, commit.time);
      return;
    case "step.in_doubt": {
      const step = stepOf(state, event);
      step.doubts += 1;
      addUsage(state.usageInDoubt, event.estimate);
      release(step);
      endAttempt(step, "in-doubt", commit.time);
      return;
    }
    case "step.dead_lettered":
      state.status = "dead-lettered";
      if (event.stepId === ADVANCE_STEP) {
        if (state.advance) state.advance.deadLettered = { seq: state.seq, at: commit.time };
        return;
      }
      {
        const step = stepOf(state, event);
        step.status = "dead-lettered";
        step.error = event.error;
        step.deadLettered = { seq: state.seq, at: commit.time };
        step.retryAtMs = undefined;
        // The workflow never sees that it failed: it stays open until a person has decided.
        if (step.answeredSeq > 0) {
          step.answeredSeq = 0;
          state.open += 1;
        }
        release(step);
      }
      return;
    case "step.redriven":
      redriven(state, event, commit.time);
      return;
    case "step.discarded":
      discarded(state, event);
      return;
    case "value.recorded":
      state.values.set(event.valueId, event.value);
      recovered(state);
      return;
    case "timer.set":
      if (state.timers.has(event.timerId)) {
        throw new CorruptLogError(`log of ${state.jobId}: timer ${event.timerId} set twice`);
      }
      state.timers.set(event.timerId, { fireAtMs: Date.parse(event.fireAt), firedSeq: 0 });
      // It may come before or after an answer that the workflow waits for as well.
      state.parallel = true;
      recovered(state);
      return;
    case "timer.fired": {
      const timer = state.timers.get(event.timerId);
      if (timer === undefined || timer.firedSeq > 0) {
        throw new CorruptLogError(`log of ${state.jobId}: timer ${event.timerId} fired without being set, or twice`);
      }
      timer.firedSeq = state.seq;
      recovered(state);
      return;
    }
    default:
      event satisfies never;
      throw new CorruptLogError(`log of ${state.jobId}: unknown event ${JSON.stringify(event)}`);
  }
}

/** Asking for something new shows that the workflow runs again. */
function recovered(state: JobState): void {
  if (state.advance === undefined) return;
  state.advance = undefined;
  reviewStatus(state);
}

/** A job whose last dead letter is gone goes on. */
function reviewStatus(state: JobState): void {
  if (state.status !== "dead-lettered" || state.advance?.deadLettered !== undefined) return;
  for (const step of state.steps.values()) if (step.status === "dead-lettered") return;
  state.status = "running";
}

/** A person's decision: the step has a fresh budget of attempts, whose numbers go on (rule 3). */
function redriven(state: JobState, event: EventOf<"step.redriven">, time: string): void {
  const retryAtMs = event.notBefore === undefined ? undefined : Date.parse(event.notBefore);
  if (event.stepId === ADVANCE_STEP) {
    if (state.advance?.deadLettered === undefined) throw notDeadLettered(state, event);
    Object.assign(state.advance, { failures: 0, retryAtMs, deadLettered: undefined });
    reviewStatus(state);
    return;
  }
  const step = stepOf(state, event);
  if (step.status !== "dead-lettered" || event.base !== step.attempt) throw notDeadLettered(state, event);
  step.status = retryAtMs === undefined ? "requested" : "retrying";
  if (event.input !== undefined) step.input = freeze(event.input);
  Object.assign(step, { retryAtMs, askedAt: time, failures: 0, throttles: 0, doubts: 0 });
  step.deadLettered = undefined;
  reviewStatus(state);
}

/** A person's decision: nobody will try again. To the workflow the step has failed. */
function discarded(state: JobState, event: EventOf<"step.discarded">): void {
  const error = { name: "DiscardedError", message: event.reason };
  if (event.stepId === ADVANCE_STEP) {
    if (state.advance?.deadLettered === undefined) throw notDeadLettered(state, event);
    state.advance.deadLettered = undefined;
    reviewStatus(state);
    return;
  }
  const step = stepOf(state, event);
  if (step.status !== "dead-lettered") throw notDeadLettered(state, event);
  step.status = "failed";
  step.error = { ...error, ...(step.error ? { cause: step.error } : {}) };
  step.deadLettered = undefined;
  state.open -= 1;
  step.answeredSeq = state.seq;
  reviewStatus(state);
}

const notDeadLettered = (state: JobState, { type, stepId }: { type: string; stepId: string }): CorruptLogError =>
  new CorruptLogError(`log of ${state.jobId}: ${type} of ${stepId}, which is not dead-lettered`);

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
  endAttempt(step, "failed", time, event.error);
  addUsage(state.usage, event.usage);
}

function requested(event: EventOf<"step.requested">, time: string): StepState {
  return {
    id: event.stepId,
    capability: event.capability,
    input: freeze(event.input),
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
  step.keptAs = undefined;
  step.finished = undefined;
}

function endAttempt(
  step: StepState,
  outcome: "completed" | "failed" | "in-doubt",
  time: string,
  error?: StepState["error"],
): void {
  const last = step.attempts.at(-1);
  if (last === undefined || last.outcome !== "running") return;
  last.outcome = outcome;
  last.endedAt = time;
  if (error) last.error = error;
}

/** Steps that the workflow no longer waited for are abandoned: their leases mean nothing any more. */
function endRunningSteps(state: JobState, time: string): void {
  for (const step of state.steps.values()) {
    if (step.status === "running") endAttempt(step, "failed", time);
  }
}

function addUsage(total: JobState["usage"], usage: EventOf<"step.completed">["usage"]): void {
  if (usage === undefined) return;
  for (const key of ["inputTokens", "outputTokens", "costUsd"] as const) {
    const value = usage[key];
    if (value !== undefined) total[key] = (total[key] ?? 0) + value;
  }
  if (usage.model !== undefined) total.model = usage.model;
}
