import type { ErrorInfo, EventOf, Usage } from "../contract/events.ts";
import type { CommitId, JobId, TenantId } from "../contract/ids.ts";
import type { Json } from "../contract/json.ts";

/** `dead-lettered`: a step waits for a person; everything else of the job may still be running. */
export type JobStatus = "running" | "dead-lettered" | "completed" | "failed" | "expired" | "cancelled";
export const TERMINAL_STATUSES: readonly JobStatus[] = ["completed", "failed", "expired", "cancelled"];

export type StepStatus = "requested" | "running" | "retrying" | "completed" | "failed" | "dead-lettered";

export interface Lease {
  readonly holder: string;
  readonly untilMs: number;
  /** The commit that took it: tells the claim made for this very delivery from an earlier one by the same worker. */
  readonly commitId: CommitId;
}

/** The event that gave something up: it waits for a person. */
export interface DeadLettered {
  readonly seq: number;
  readonly at: string;
}

export interface AttemptState {
  readonly attempt: number;
  readonly startedAt: string;
  endedAt?: string;
  /** `abandoned`: its job ended meanwhile. */
  outcome: "running" | "completed" | "failed" | "in-doubt" | "abandoned";
  error?: ErrorInfo;
}

export interface StepState {
  readonly id: string;
  readonly capability: string;
  /** As requested, or as a person who redrove the step has put it. */
  input: Json | undefined;
  /** The seq of the event that has it. */
  inputSeq: number;
  /** A redrive gave it this input. */
  isEdited: boolean;
  readonly requestedAt: string;
  /** When it was asked for last: by its request, or by the last redrive. */
  askedAt: string;
  status: StepStatus;
  /** The last attempt's number; 0 before the first. */
  attempt: number;
  /** Failures that count against the retry policy. */
  failures: number;
  /** Throttled attempts in a row, for their backoff. */
  throttles: number;
  /** Attempts that a crash left without an outcome. */
  doubts: number;
  lease: Lease | undefined;
  retryAtMs: number | undefined;
  result: Json | undefined;
  /** The seq of the event that answered it. */
  answeredSeq: number;
  error: ErrorInfo | undefined;
  deadLettered: DeadLettered | undefined;
  /** Text streamed by the running attempt. */
  text: string;
  /** The id under which the provider keeps the answer of the last attempt that has told one. */
  keptAs: string | undefined;
  /** That attempt. */
  keptBy: number | undefined;
  /** A stream that ended before its result was recorded. */
  finished: EventOf<"step.progress"> | undefined;
  readonly attempts: AttemptState[];
}

/** The failed tries of running the workflow itself, while it could not be brought forward. */
export interface AdvanceState {
  /** Tries in a row that failed, also before a redrive. */
  attempt: number;
  /** Of them, those since a person last asked for it. */
  failures: number;
  error: ErrorInfo;
  retryAtMs: number | undefined;
  deadLettered: DeadLettered | undefined;
}

/** A wait of the workflow's own. */
export interface TimerState {
  readonly fireAtMs: number;
  /** The seq of the event that says that it is over; 0 before. */
  firedSeq: number;
}

/** A message from outside: the first of its name counts. */
export interface SignalState {
  /** The seq of the event that says that the workflow waits for it; 0 before, or where it came first. */
  requestedSeq: number;
  /** The seq of the event that has it; 0 before. */
  receivedSeq: number;
  receivedAt: string | undefined;
  payload: Json | undefined;
}

/** A job as its log tells it. Made by `fold`; changed by nothing else. */
export interface JobState {
  readonly jobId: JobId;
  readonly tenant: TenantId;
  readonly workflow: string;
  readonly input: Json | undefined;
  readonly digest: string;
  readonly createdAt: string;
  readonly deadlineMs: number;
  readonly expiresMs: number;
  readonly traceparent: string | undefined;
  /** No step starts before, in epoch ms. */
  readonly startAtMs: number | undefined;
  readonly forkedFrom: EventOf<"job.submitted">["forkedFrom"];
  readonly webhooks: EventOf<"job.submitted">["webhooks"];
  seq: number;
  updatedAt: string;
  /** The highest of the log: older code records, but does not advance. */
  deploySeq: number;
  lastCommitId: CommitId;
  /** Commits so far. */
  commits: number;
  /** Where the last snapshot known of was taken: its seq, and the commits up to it; 0 without any. */
  snapshotSeq: number;
  snapshotCommits: number;
  status: JobStatus;
  output: Json | undefined;
  error: ErrorInfo | undefined;
  readonly inputDrift: string[];
  readonly steps: Map<string, StepState>;
  readonly values: Map<string, Json>;
  readonly timers: Map<string, TimerState>;
  readonly signals: Map<string, SignalState>;
  /** Steps without an answer. */
  open: number;
  /** More than one step has been open at a time: the order of answers may matter to the workflow. */
  parallel: boolean;
  advance: AdvanceState | undefined;
  readonly usage: Usage;
  /** What calls that a crash left without an outcome may have used besides, by estimate. */
  readonly usageInDoubt: Usage;
  /** Roughly what it holds in memory, in characters of JSON. */
  size: number;
}

export const isEnded = (state: JobState): boolean => TERMINAL_STATUSES.includes(state.status);
/** The step id under which a workflow's own failures stand in the log; no author may use it. */
export const ADVANCE_STEP = "@advance";

/** Whether a delayed start is still to come. Where an attempt was made it has come, by a clock that is ahead of ours. */
export const waitsForStart = (state: JobState, nowMs: number): boolean =>
  (state.startAtMs ?? 0) > nowMs && ![...state.steps.values()].some(({ attempt }) => attempt > 0);

/** Whether a step is still to be worked on: it has no answer, and waits for no person. */
export const isOpen = ({ status }: StepState): boolean =>
  status === "requested" || status === "retrying" || status === "running";

/** Timers that have not gone off, the earliest first. */
export const pendingTimers = (state: JobState): TimerState[] =>
  [...state.timers.values()].filter(({ firedSeq }) => firedSeq === 0).sort((a, b) => a.fireAtMs - b.fireAtMs);

/** Names of the signals that the workflow waits for and that have not come. */
export const awaitedSignals = (state: JobState): string[] =>
  [...state.signals].flatMap(([name, { receivedSeq }]) => (receivedSeq === 0 ? [name] : []));

/** When the job has something to do by itself next, in epoch ms: its start, or its next timer. */
export function nextTimeMs(state: JobState): number | undefined {
  const [timer] = pendingTimers(state);
  if (timer !== undefined) return timer.fireAtMs;
  // Whatever makes it begin is a commit after its first, which may already have what a fork keeps.
  return state.commits === 1 && state.open === 0 ? state.startAtMs : undefined;
}
