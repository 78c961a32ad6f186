import type { ErrorInfo, EventOf, Usage } from "../contract/events.ts";
import type { CommitId, JobId, TenantId } from "../contract/ids.ts";
import type { Json } from "../contract/json.ts";

/** `dead-lettered`: a step waits for a person; everything else of the job may still be running. */
export type JobStatus = "running" | "dead-lettered" | "completed" | "failed" | "expired";
export const TERMINAL_STATUSES: readonly JobStatus[] = ["completed", "failed", "expired"];

export type StepStatus = "requested" | "running" | "retrying" | "completed" | "failed" | "dead-lettered";

export interface Lease {
  readonly holder: string;
  readonly untilMs: number;
  /** The commit that took it: tells the claim made for this very delivery from an earlier one by the same worker. */
  readonly commitId: CommitId;
}

export interface AttemptState {
  readonly attempt: number;
  readonly startedAt: string;
  endedAt?: string;
  outcome: "running" | "completed" | "failed" | "in-doubt";
  error?: ErrorInfo;
}

export interface StepState {
  readonly id: string;
  readonly capability: string;
  readonly input: Json | undefined;
  readonly requestedAt: string;
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
  /** Of the event that gave it up. */
  deadLetteredSeq: number | undefined;
  /** Text streamed by the running attempt. */
  text: string;
  /** A stream that ended before its result was recorded. */
  finished: EventOf<"step.progress"> | undefined;
  readonly attempts: AttemptState[];
}

/** The failed tries of running the workflow itself, while it could not be brought forward. */
export interface AdvanceState {
  failures: number;
  error: ErrorInfo;
  retryAtMs: number | undefined;
  /** Of the event that set it aside for a person. */
  deadLetteredSeq: number | undefined;
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
  /** Steps without an answer. */
  open: number;
  /** More than one step has been open at a time: the order of answers may matter to the workflow. */
  parallel: boolean;
  advance: AdvanceState | undefined;
  readonly usage: Usage;
  /** Roughly what it holds in memory, in characters of JSON. */
  size: number;
}

export const isEnded = (state: JobState): boolean => TERMINAL_STATUSES.includes(state.status);
/** The step id under which a workflow's own failures stand in the log; no author may use it. */
export const ADVANCE_STEP = "@advance";
