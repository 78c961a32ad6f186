import { LRUCache } from "lru-cache";
import type { Commit } from "../contract/events.ts";
import type { JobId } from "../contract/ids.ts";
import { decodeCommit } from "./commit-codec.ts";
import { fold } from "./fold.ts";
import type { Blobs, EventLog } from "./ports.ts";
import { isEnded, type JobState } from "./state.ts";

/** Characters of JSON that the folded jobs of one process may hold. */
const MAX_CACHED_CHARACTERS = 24 * 1024 * 1024;
/** What a folded job takes besides the text of its log. */
const BASE_SIZE = 1_024;

/** Folded jobs, the recent ones in memory. A cached state may be stale: an append based on it then collides. */
export class JobStates {
  readonly #log: EventLog;
  readonly #blobs: Blobs;
  readonly #cache = new LRUCache<JobId, JobState>({
    maxSize: MAX_CACHED_CHARACTERS,
    sizeCalculation: (state) => state.size + BASE_SIZE,
  });

  constructor(log: EventLog, blobs: Blobs) {
    this.#log = log;
    this.#blobs = blobs;
  }

  /** The job as this process last knew it, read from its log if need be. Only a job's lane may change it. */
  async load(jobId: JobId): Promise<JobState | undefined> {
    return this.#cache.get(jobId) ?? (await this.#reload(jobId));
  }

  cached(jobId: JobId): JobState | undefined {
    return this.#cache.get(jobId);
  }

  /** Also after a change: the cache asks for a size only when a state is put in. An ended job is read too seldom to be kept. */
  keep(state: JobState): void {
    this.#cache.delete(state.jobId);
    if (!isEnded(state)) this.#cache.set(state.jobId, state);
  }

  drop(jobId: JobId): void {
    this.#cache.delete(jobId);
  }

  async #reload(jobId: JobId): Promise<JobState | undefined> {
    const { commits, characters } = await readCommits(this.#log, this.#blobs, jobId);
    const state = fold(commits);
    if (state === undefined) return undefined;
    state.size = characters;
    this.keep(state);
    return state;
  }
}

/** A job's commits that begin after `afterSeq`, decoded. */
export async function readCommits(
  log: EventLog,
  blobs: Blobs,
  jobId: JobId,
  afterSeq = 0,
): Promise<{ commits: Commit[]; characters: number }> {
  const stored = await log.read(jobId, afterSeq);
  const decoded = await Promise.all(stored.map((commit) => decodeCommit(commit, blobs)));
  return {
    commits: decoded.map(({ commit }) => commit),
    characters: decoded.reduce((sum, { characters }) => sum + characters, 0),
  };
}

/** A job's state from its log alone, past all caches: what readers are shown. */
export async function readState(log: EventLog, blobs: Blobs, jobId: JobId): Promise<JobState | undefined> {
  return fold((await readCommits(log, blobs, jobId)).commits);
}
