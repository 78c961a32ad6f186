import type { JobId } from "../contract/ids.ts";
import type { Message } from "../contract/messages.ts";
import { encodeCommit } from "./commit-codec.ts";
import type { Draft } from "./draft.ts";
import { PublishingError } from "./errors.ts";
import type { JobStates } from "./job-states.ts";
import type {
  AppendOutcome,
  Blobs,
  Committed,
  Effects,
  EventLog,
  JobIndex,
  Snapshots,
  StoredCommit,
  Topics,
} from "./ports.ts";
import { encodeSnapshot, isSnapshotDue } from "./snapshot.ts";
import { isEnded, type JobState } from "./state.ts";

export interface AppenderDeps {
  readonly log: EventLog;
  readonly index: JobIndex;
  readonly blobs: Blobs;
  readonly snapshots?: Snapshots;
  readonly topics: Topics;
  /** A commit is durable, by an append of this process. */
  readonly onCommitted?: (commit: Committed) => void;
  /** A job has come to its end, by an append of this process. */
  readonly onEnded?: (state: JobState) => void;
  /** A head could not be changed: it stays due. */
  readonly onHeadMissed?: (jobId: JobId, error: unknown) => void;
  /** A snapshot could not be kept or read: reading the job costs more until the next one. */
  readonly onSnapshotLost?: (jobId: JobId, error: unknown) => void;
}

/** Puts drafts into the log, and finds out whether they are in it where the answer does not say so. */
export class Appender {
  readonly #deps: AppenderDeps;
  readonly #states: JobStates;

  constructor(deps: AppenderDeps, states: JobStates) {
    this.#deps = deps;
    this.#states = states;
  }

  /** `conflict`: another's commit is in its place. Rejects with {@link PublishingError} where it is written, but not announced. */
  async append(draft: Draft, effects: Effects): Promise<AppendOutcome> {
    const { blobs } = this.#deps;
    const messages = draft.outgoing();
    let appended = false;
    try {
      const { stored, characters } = await encodeCommit(draft.commit(), blobs);
      appended = await this.#appendOnce(stored, {
        ...effects,
        messages,
        expiresMs: draft.state.expiresMs,
      });
      if (appended) {
        const { jobId, tenant, seq } = draft.state;
        const ended = isEnded(draft.state);
        if (ended) this.#deps.onEnded?.(draft.state);
        this.#deps.onCommitted?.({ jobId, tenant, seq, isFirst: stored.firstSeq === 1, ended });
        draft.state.size += characters;
        this.#states.keep(draft.state);
      }
      return appended ? "appended" : "conflict";
    } finally {
      if (!appended) for (const message of messages) message.reservation?.release();
    }
  }

  /** Appends; where the answer is a conflict or was lost, looks whether the commit is there all the same (rule 1). */
  async #appendOnce(commit: StoredCommit, effects: Effects): Promise<boolean> {
    const { log, index, onHeadMissed } = this.#deps;
    let failure: unknown;
    try {
      if ((await log.append(commit, effects)) === "appended") return true;
    } catch (error) {
      failure = error;
    }
    const [winner] = await log.read(commit.jobId, commit.firstSeq - 1, 1);
    // Another's commit in its place says that ours is not there and never will be, whatever the answer was.
    if (winner === undefined && failure !== undefined) throw failure;
    if (winner?.commitId !== commit.commitId) return false;
    const { messages = [], headChange } = effects;
    await this.publish(commit.jobId, messages);
    if (headChange) await index.change(commit.jobId, headChange).catch((error) => onHeadMissed?.(commit.jobId, error));
    return true;
  }

  /** Rejects with {@link PublishingError}. */
  async publish(jobId: JobId, messages: readonly Message[]): Promise<void> {
    await this.#deps.topics.publish(messages).catch((error: unknown) => {
      throw new PublishingError(jobId, error);
    });
  }

  /** Keeps a snapshot of the job if one is due; one that cannot be kept is only told of. */
  async snapshot(state: JobState): Promise<void> {
    const { snapshots, onSnapshotLost } = this.#deps;
    if (!snapshots || isEnded(state) || !isSnapshotDue(state)) return;
    try {
      await snapshots.put(state.jobId, state.seq, encodeSnapshot(state));
      state.snapshotSeq = state.seq;
      state.snapshotCommits = state.commits;
    } catch (error) {
      onSnapshotLost?.(state.jobId, error);
    }
  }

  /** Whether the log goes no further than this state. */
  async isLast(state: JobState): Promise<boolean> {
    return (await this.#deps.log.read(state.jobId, state.seq, 1)).length === 0;
  }
}
