import type { Commit } from "../contract/events.ts";
import type { JobId } from "../contract/ids.ts";
import { decodeCommit } from "./commit-codec.ts";
import { fold } from "./fold.ts";
import type { Blobs, LogReader, Snapshots, StoredCommit } from "./ports.ts";
import { COMMITS_PER_SNAPSHOT, decodeSnapshot } from "./snapshot.ts";
import type { JobState } from "./state.ts";

/** Where a job is kept. */
export interface JobStores {
  readonly log: LogReader;
  readonly blobs: Blobs;
  readonly snapshots?: Snapshots;
  /** A snapshot could not be kept or read: the log has it all, at a higher price. */
  readonly onSnapshotLost?: (jobId: JobId, error: unknown) => void;
}

/** The tail in which the last snapshot is named, if one could be taken in time. */
const TAIL_COMMITS = COMMITS_PER_SNAPSHOT + 4;

/** A job's commits that begin after `afterSeq`, decoded. */
export async function readCommits(
  { log, blobs }: JobStores,
  jobId: JobId,
  afterSeq = 0,
): Promise<{ commits: Commit[]; characters: number }> {
  return decodeAll(await log.read(jobId, afterSeq), blobs);
}

/**
 * A job's state from its log, past all caches: strongly consistent. Where there are snapshots, it costs one read of
 * the log's tail and one of a snapshot, however long the log is. Undefined for a log without commits.
 */
export async function readState(stores: JobStores, jobId: JobId): Promise<JobState | undefined> {
  return (stores.snapshots && (await fromSnapshot(stores, stores.snapshots, jobId))) ?? fromStart(stores, jobId);
}

/** Brings a state up to its log's end, in place. */
export async function catchUp(stores: JobStores, state: JobState): Promise<JobState> {
  return grow(await readCommits(stores, state.jobId, state.seq), state) ?? state;
}

async function fromStart(stores: JobStores, jobId: JobId): Promise<JobState | undefined> {
  return grow(await readCommits(stores, jobId), undefined);
}

/** Undefined where there is nothing to begin with: no snapshot is named, or it is gone. */
async function fromSnapshot(stores: JobStores, snapshots: Snapshots, jobId: JobId): Promise<JobState | undefined> {
  const tail = await stores.log.tail(jobId, TAIL_COMMITS);
  const [first] = tail;
  if (first === undefined) return undefined;
  if (first.firstSeq === 1) return grow(await decodeAll(tail, stores.blobs), undefined);
  const snapshotSeq = tail.at(-1)?.snapshotSeq;
  if (snapshotSeq === undefined) return undefined;
  const state = await snapshotAt(stores, snapshots, jobId, snapshotSeq);
  if (state === undefined) return undefined;
  if (first.firstSeq > snapshotSeq + 1) return catchUp(stores, state);
  const rest = tail.filter(({ firstSeq }) => firstSeq > snapshotSeq);
  return grow(await decodeAll(rest, stores.blobs), state);
}

/** Undefined where it is not there, not readable, or of another version. */
async function snapshotAt(
  { onSnapshotLost }: JobStores,
  snapshots: Snapshots,
  jobId: JobId,
  seq: number,
): Promise<JobState | undefined> {
  try {
    const text = await snapshots.get(jobId, seq);
    return text === undefined ? undefined : decodeSnapshot(text);
  } catch (error) {
    onSnapshotLost?.(jobId, error);
    return undefined;
  }
}

async function decodeAll(
  stored: readonly StoredCommit[],
  blobs: Blobs,
): Promise<{ commits: Commit[]; characters: number }> {
  const decoded = await Promise.all(stored.map((commit) => decodeCommit(commit, blobs)));
  return {
    commits: decoded.map(({ commit }) => commit),
    characters: decoded.reduce((sum, { characters }) => sum + characters, 0),
  };
}

function grow(
  { commits, characters }: { commits: readonly Commit[]; characters: number },
  from: JobState | undefined,
): JobState | undefined {
  const state = fold(commits, from);
  if (state) state.size += characters;
  return state;
}
