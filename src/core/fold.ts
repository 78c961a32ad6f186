import type { Commit, EventBody, EventOf } from "../contract/events.ts";
import { isTerminal } from "../contract/events.ts";
import { CorruptLogError } from "./errors.ts";
import { advanceRecovered } from "./fold-advance.ts";
import { signalReceived, signalRequested } from "./fold-signals.ts";
import { applyStepEvent, endRunningSteps } from "./fold-step.ts";
import { freeze } from "./freeze.ts";
import { isEnded, type JobState } from "./state.ts";

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
    webhooks: event.webhooks,
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
    signals: new Map(),
    open: 0,
    parallel: false,
    advance: undefined,
    usage: {},
    usageInDoubt: {},
    size: 0,
  };
}

/** What an event does to the job itself; those of its steps are a matter of their own. */
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
    case "value.recorded":
      state.values.set(event.valueId, event.value);
      advanceRecovered(state);
      return;
    case "timer.set":
      if (state.timers.has(event.timerId)) {
        throw new CorruptLogError(`log of ${state.jobId}: timer ${event.timerId} set twice`);
      }
      state.timers.set(event.timerId, { fireAtMs: Date.parse(event.fireAt), firedSeq: 0 });
      // It may come before or after an answer that the workflow waits for as well.
      state.parallel = true;
      advanceRecovered(state);
      return;
    case "timer.fired": {
      const timer = state.timers.get(event.timerId);
      if (timer === undefined || timer.firedSeq > 0) {
        throw new CorruptLogError(`log of ${state.jobId}: timer ${event.timerId} fired without being set, or twice`);
      }
      timer.firedSeq = state.seq;
      advanceRecovered(state);
      return;
    }
    case "signal.requested":
      signalRequested(state, event);
      return;
    case "signal.received":
      signalReceived(state, event, commit.time);
      return;
    default:
      applyStepEvent(state, event, commit.commitId, commit.time);
  }
}
