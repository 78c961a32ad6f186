import type { BlobRef } from "../contract/events.ts";
import type { CommitId, JobId, TenantId } from "../contract/ids.ts";
import type { Message } from "../contract/messages.ts";
import type { JobStatus } from "./state.ts";

/**
 * What an engine must do for the core. Each port has a suite in `src/testing/contracts`, which every adapter passes.
 * All methods reject with the technology's own error when the technology fails; then nothing is known of the outcome.
 * Where the same write may succeed later, it is an `UnavailableError`.
 */

/** A commit as a store keeps it: `body` is the JSON text of its events, which the store does not look into. */
export interface StoredCommit {
  readonly jobId: JobId;
  readonly tenant: TenantId;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly commitId: CommitId;
  readonly deploySeq: number;
  readonly time: string;
  readonly body: string;
  /** A snapshot of the job up to this seq was there before this commit was written. */
  readonly snapshotSeq?: number;
}

/** A job's projection for lists and wake-ups. Derived from the log; a missed change is repaired by the reconciler. */
export interface Head {
  readonly jobId: JobId;
  readonly tenant: TenantId;
  readonly workflow: string;
  readonly status: JobStatus;
  readonly createdAt: string;
  /** When the reconciler must look at the job at the latest, in epoch ms; undefined once it has ended. */
  readonly wakeAtMs: number | undefined;
  /** When everything of the job may be deleted, in epoch ms. */
  readonly expiresMs: number;
}

/** A change of a head. A terminal status is never overwritten. */
export interface HeadChange {
  readonly status?: JobStatus;
  /** null: no further wake-up. */
  readonly wakeAtMs?: number | null;
}

/**
 * What follows from a commit. An engine makes it one transaction with the commit, or does it right after: messages
 * first, then the change of the head, so that a head which says that its job has ended proves that this was announced.
 */
export interface Effects {
  /** With the first commit: the head, in the same write. */
  readonly head?: Head;
  readonly headChange?: HeadChange;
  readonly messages?: readonly Outgoing[];
  /** When the commit may be deleted, in epoch ms: the same for all of a job. */
  readonly expiresMs?: number;
}

export interface Outgoing extends Message {
  /** A worker of this process already waits for it: hand it over without a round through the queue. */
  readonly reservation?: Reservation;
}

export type AppendOutcome = "appended" | "conflict";

/**
 * The logs of all jobs. `append` succeeds if and only if no commit of the job begins at `firstSeq`. The caller must
 * have read the log up to `firstSeq - 1`: a stale writer always collides, a gap cannot come about.
 * With "appended", commit and effects are durable, but for a change of the head, which may be missed. With "conflict",
 * neither has happened.
 */
export interface EventLog extends LogReader {
  append(commit: StoredCommit, effects?: Effects): Promise<AppendOutcome>;
}

export interface LogReader {
  /** Commits that begin after `afterSeq`, in order, strongly consistent. @param limit most commits to return */
  read(jobId: JobId, afterSeq?: number, limit?: number): Promise<readonly StoredCommit[]>;
  /** The last commits, in order, strongly consistent. @param limit most commits to return */
  tail(jobId: JobId, limit: number): Promise<readonly StoredCommit[]>;
}

export interface ListQuery {
  readonly tenant: TenantId;
  readonly status?: JobStatus;
  readonly workflow?: string;
  /** Opaque; from an earlier page. */
  readonly cursor?: string;
  readonly limit: number;
}

/** A cursor that this index never gave out. */
export class BadCursorError extends Error {
  override readonly name = "BadCursorError";
}

/** Finds jobs without reading logs. */
export interface JobIndex {
  /** Newest first. Throws {@link BadCursorError}. */
  list(query: ListQuery): Promise<{ readonly jobs: readonly Head[]; readonly cursor: string | undefined }>;
  /** Heads whose wake-up is due, oldest first. */
  due(nowMs: number, limit: number): Promise<readonly Head[]>;
  change(jobId: JobId, change: HeadChange): Promise<void>;
  /**
   * How many of a tenant's jobs neither have ended nor wait for a person; `most` where there are so many or more. May lag, and
   * may miss old ones.
   */
  countRunning(tenant: TenantId, most: number): Promise<number>;
}

/** Publishes messages to everybody who listens to their topics. At least once; resolves when they are durable. */
export interface Topics {
  publish(messages: readonly Message[]): Promise<void>;
}

export interface Receipt {
  readonly queue: string;
  /** Names this delivery, not the message: a later one has another. */
  readonly receipt: string;
}

/** A message in a consumer's hands until its visibility timeout ends. */
export interface Delivery extends Receipt {
  readonly messageId: string;
  readonly message: Message;
  /** 1 for the first. */
  readonly receiveCount: number;
  readonly enqueuedAtMs: number;
  /** The steps were claimed for this very delivery when it was sent, by the commit of this id. */
  readonly claimedBy?: CommitId;
}

export interface Backlog {
  /** May be received now. */
  readonly ready: number;
  /** Age of the oldest message that is ready, in ms; 0 when there is none, undefined when the queue does not tell. */
  readonly oldestAgeMs: number | undefined;
  /** Wait for their time. */
  readonly delayed: number;
}

export interface QueueStats extends Backlog {
  readonly inFlight: number;
  readonly deadLetters: number;
}

/** Why a message was set aside. `seq` is the dead-letter event's: only a message that has it is a person's redrive. */
export interface DeadLetterReason {
  readonly reason: string;
  readonly seq?: number;
}

export interface DeadLetter extends DeadLetterReason {
  readonly message: Message;
  /** Of one that the queue set aside by itself it may be when it was first sent or, in a review, when it was first seen. */
  readonly deadLetteredAtMs: number;
}

/** What becomes of a dead letter that was looked at: it waits on for a person, or is deleted. */
export type DeadLetterVerdict = "keep" | "remove";

/** How a look at dead letters went. */
export interface DeadLetterReview {
  readonly kept: number;
  readonly removed: number;
  /** Bodies that are no message of ours. They stay. */
  readonly malformed: number;
}

/** Queues with visibility timeout, delay, dead-lettering and fair dispatch among tenants. At least once, unordered. */
export interface WorkQueue {
  receive(queue: string, max: number, visibilityMs: number): Promise<readonly Delivery[]>;
  /** The message is done. Without effect on a message that somebody else holds by now. */
  ack(receipts: readonly Receipt[]): Promise<void>;
  /** After a failure: the same message again after `delayMs`, its receive count kept. */
  retryLater(receipt: Receipt, delayMs: number): Promise<void>;
  /** Not its time yet: puts a copy with a fresh receive count into the queue, to be received after `delayMs`. */
  defer(queue: string, message: Message, delayMs: number): Promise<void>;
  /** Puts the message into the queue's dead letters, for a person. */
  deadLetter(queue: string, message: Message, reason: DeadLetterReason): Promise<void>;
  /** The oldest dead letters, oldest first. */
  deadLetters(queue: string, max: number): Promise<readonly DeadLetter[]>;
  /**
   * Shows each of up to `max` dead letters to `judge`, several at once, in any order, and deletes those of which it says so;
   * the others are as before when it resolves. What it did not come to another call may. Two calls at the same time see no
   * letter both. Where a judge rejects, its letter stays and the call rejects in the end.
   */
  reviewDeadLetters(
    queue: string,
    judge: (letter: DeadLetter) => Promise<DeadLetterVerdict>,
    max: number,
  ): Promise<DeadLetterReview>;
  stats(queue: string): Promise<QueueStats>;
  /** The part of its stats that costs least: its dead letters are not asked. */
  backlog(queue: string): Promise<Backlog>;
  /**
   * Messages done a second, as measured in about the last minute while there were any; 0 where some were there and none was
   * done, undefined where nothing was measured. What was deferred is not done; an engine that cannot tell counts it all the same.
   */
  drainedPerSecond(queue: string): Promise<number | undefined>;
}

/** Receive counts above which a queue sets a message aside by itself: it kills whoever takes it. */
export const MAX_RECEIVES = 20;

/** A commit that is durable, for whoever follows its job. */
export interface Committed {
  readonly jobId: JobId;
  readonly tenant: TenantId;
  /** Of its last event. */
  readonly seq: number;
  /** The job begins with it. */
  readonly isFirst: boolean;
  /** Nothing follows it: it holds the terminal event. */
  readonly ended: boolean;
}

/** Tells followers of a job that there may be more to read. The log says what is true: it may tell late, or for nothing. */
export interface Changes {
  /** Begin to follow before the first read: what is committed between a read and {@link Following.next} is then known. */
  follow(jobId: JobId): Following;
}

/** To be closed by whoever made it. */
export interface Following {
  /**
   * Resolves with true when the job may have events after `afterSeq`, at once where it is known to have; with false after
   * `withinMs` or when `signal` aborts. One call at a time.
   */
  next(afterSeq: number, withinMs: number, signal?: AbortSignal): Promise<boolean>;
  close(): void;
}

/** Those to whom what is committed is pushed. Losing one of these calls only makes them late: they come back with a cursor. */
export interface Watchers {
  /** Begins to tell them. Never throws. */
  committed(commit: Committed): void;
  /**
   * Begins to tell again that a job has begun, as its first commit did. Never throws. Safe to call again.
   * @default telling is never lost
   */
  again?(job: Pick<Committed, "jobId" | "tenant">): void;
  /** Resolves when all that was begun is done: before an invocation ends. */
  settled(): Promise<void>;
}

/** One attempt of a step. */
export interface Attempt {
  readonly jobId: JobId;
  readonly stepId: string;
  readonly attempt: number;
}

/**
 * Shows what steps stream to those who watch their jobs, where the log is too slow for that. The log tells all of it later: what
 * is lost here is late, not lost. Nothing of it throws or is waited for by a step.
 */
export interface Deltas {
  begin(attempt: Attempt): DeltaStream;
  /** Resolves when nothing is on its way any more, or has been for too long: before an invocation ends. */
  settled(): Promise<void>;
}

/** To be ended by whoever began it. */
export interface DeltaStream {
  add(text: string): void;
  /** The log has so many characters of the attempt's text. */
  recorded(length: number): void;
  /** Nothing more is sent: the log is about to have all of it. */
  end(): void;
}

/**
 * Whose a record is: a job's, a tenant's, or one that a tenant keeps secret. Who may see records of one kind need not see those of
 * another.
 */
export type Owner = { readonly jobId: JobId } | { readonly tenant: TenantId } | { readonly secretsOf: TenantId };

/** A record as a store keeps it: `text` is what the store does not look into. */
export interface StoredRecord {
  readonly key: string;
  readonly text: string;
  /** From 1, one more with each change. */
  readonly version: number;
}

/**
 * Small records of a job or of a tenant beside the logs, each changed by compare-and-set: what stands for a tenant's jobs to
 * come, and what was done about a job from outside. A log never depends on them. Reads are strongly consistent.
 */
export interface Records {
  get(owner: Owner, key: string): Promise<StoredRecord | undefined>;
  /** Those whose key begins so, by key. One query: a submission waits for it. */
  list(owner: Owner, prefix: string): Promise<readonly StoredRecord[]>;
  /**
   * Replaces the record if and only if it has `expectedVersion`; 0 is that of one that is not there. False: it has not.
   *
   * @param expiresMs when it may be deleted, in epoch ms @default never
   */
  change(owner: Owner, key: string, text: string, expectedVersion: number, expiresMs?: number): Promise<boolean>;
  /** False: it was not there. */
  remove(owner: Owner, key: string): Promise<boolean>;
}

/** What a ticket opens: the events of one job, until it expires. */
export interface TicketGrant {
  readonly tenant: TenantId;
  readonly jobId: JobId;
  readonly expiresMs: number;
}

export interface OpenedTicket extends TicketGrant {
  /** Random: no two tickets have the same. */
  readonly id: string;
}

/** Signed texts that stand for a key where none can be sent. Whether one has expired is for the caller to say. */
export interface Tickets {
  /** A new ticket, of characters that mean nothing in a URL. */
  issue(grant: TicketGrant): Promise<string>;
  /** What was granted, or undefined for a text that {@link issue} did not make. */
  open(ticket: string): Promise<OpenedTicket | undefined>;
  /** Uses a ticket up: true for the first who asks, false for all others. Kept at least until it expires. */
  burn(ticket: OpenedTicket): Promise<boolean>;
}

/** Values too large for a commit. Content-addressed below a job: writing one twice is harmless. */
export interface Blobs {
  put(jobId: JobId, text: string): Promise<BlobRef>;
  /** Rejects when it is not there or its digest is wrong. */
  get(ref: BlobRef): Promise<string>;
}

/** Folded jobs, so that reading one does not grow with its log. Losing any of them loses nothing. */
export interface Snapshots {
  put(jobId: JobId, seq: number, text: string): Promise<void>;
  get(jobId: JobId, seq: number): Promise<string | undefined>;
}

/** What a bucket is asked for. Amounts are times: how long the bucket's rate takes to bring so much, in ms. */
export interface Reservable {
  readonly costMs: number;
  /** What a full bucket holds. Who asks with more than others may put it into debt: these wait until that is paid. */
  readonly burstMs: number;
  readonly nowMs: number;
}

export type Reserved =
  /** `usedMs`: how much of the bucket is used now, this one included: it is full again after so long. */
  | { readonly granted: true; readonly usedMs: number }
  /** The earliest time at which the same would be granted, if nobody else asks. Nothing was taken. */
  | { readonly granted: false; readonly retryAtMs: number };

/** A circuit as a store keeps it: `record` is text that the store does not look into. */
export interface StoredCircuit {
  readonly record: string;
  /** From 1, one more with each change. */
  readonly version: number;
}

export interface Entry {
  /** When the entry counts no more, in epoch ms: a crash must not hold it for ever. */
  readonly untilMs: number;
  /** Ids in the set at once, this one included. */
  readonly most: number;
  readonly nowMs: number;
}

/**
 * What all processes that call a provider, or work for a tenant, share: buckets, circuits and sets of who is at work, each
 * under a key of its own kind. Records that are not used any more go by themselves. Losing them loses nothing but the
 * limits themselves for a moment: buckets are full, circuits closed and sets empty again.
 */
export interface Limits {
  /**
   * Takes from a bucket, or nothing. A cost above the burst is granted once the bucket is full, and leaves a debt. Who
   * calls it again after an answer that was lost may pay twice.
   */
  reserve(key: string, ask: Reservable): Promise<Reserved>;
  /** Takes `deltaMs` more, or gives it back where it is negative. A bucket never holds more than its burst. */
  settle(key: string, deltaMs: number): Promise<void>;
  circuit(key: string): Promise<StoredCircuit | undefined>;
  /** All circuits that were ever changed and are kept, in no order. */
  circuits(): Promise<readonly (StoredCircuit & { readonly key: string })[]>;
  /** Replaces the circuit if and only if it has `expectedVersion`; 0 is that of one that is not there. False: it has not. */
  changeCircuit(key: string, record: string, expectedVersion: number): Promise<boolean>;
  /** Puts an id into a set, if there is room. An id that is in it already stays one entry, and gets the new time. */
  enter(key: string, id: string, entry: Entry): Promise<boolean>;
  leave(key: string, id: string): Promise<void>;
}

export interface Clock {
  /** Wall-clock time in epoch ms. */
  now(): number;
  /** Calls back once after at least `delayMs`; returns what cancels it. Whether it keeps the process alive is for the engine to say. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

export interface Ids {
  /** A new job's id; with a key, always the same one for that tenant and key. */
  jobId(tenant: TenantId, idempotencyKey?: string): JobId;
  commitId(): CommitId;
  /** From 0 (included) to 1 (not), for jitter. */
  random(): number;
}

/** A place that a worker of this process keeps free for one message. Use it or give it back. */
export interface Reservation {
  deliver(delivery: Delivery): void;
  release(): void;
}

/** The workers of this process, as far as they can be promised work before it is queued. */
export interface LocalWorkers {
  reserve(capability: string, steps: number): Reservation | undefined;
}
