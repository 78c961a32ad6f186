import { LRUCache } from "lru-cache";
import type { JobId } from "../contract/ids.ts";
import { catchUp, type JobStores, readState } from "./read-job.ts";
import { isEnded, type JobState } from "./state.ts";

/** Characters of JSON that the folded jobs of one process may hold. */
const MAX_CACHED_CHARACTERS = 24 * 1024 * 1024;
/** What a folded job takes besides the text of its log. */
const BASE_SIZE = 1_024;

/** Folded jobs, the recent ones in memory. A cached state may be stale: an append based on it then collides. */
export class JobStates {
  readonly #stores: JobStores;
  readonly #cache = new LRUCache<JobId, JobState>({
    maxSize: MAX_CACHED_CHARACTERS,
    sizeCalculation: (state) => state.size + BASE_SIZE,
  });

  constructor(stores: JobStores) {
    this.#stores = stores;
  }

  /**
   * The job as this process last knew it, if that is not before `seq`, or else from its log. Only a job's lane may
   * ask for a `seq`, and only a lane may change the state. `fresh`: it was read to the log's end just now.
   */
  async load(jobId: JobId, seq = 0): Promise<{ state: JobState | undefined; fresh: boolean }> {
    const cached = this.#cache.get(jobId);
    if (cached && cached.seq >= seq) return { state: cached, fresh: false };
    try {
      const state = cached ? await catchUp(this.#stores, cached) : await readState(this.#stores, jobId);
      if (state) this.keep(state);
      return { state, fresh: true };
    } catch (error) {
      this.drop(jobId);
      throw error;
    }
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
}
