import type { JobId } from "../../contract/ids.ts";
import type { Changes, Clock, Committed, Following, Watchers } from "../../core/ports.ts";
import { waitFor } from "../../core/wait-for.ts";

type Listener = (commit: Committed) => void;

/** Every commit of this process, which is every commit there is: the data directory is its alone. */
export class CommitFeed implements Changes, Watchers {
  readonly #clock: Clock;
  readonly #listeners = new Set<Listener>();
  readonly #followers = new Map<JobId, Set<Listener>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back with each commit until the returned function is called. A listener must not throw. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  committed(commit: Committed): void {
    for (const listener of this.#followers.get(commit.jobId) ?? []) listener(commit);
    for (const listener of this.#listeners) listener(commit);
  }

  /** There is nothing to wait for: everybody was told at once. */
  async settled(): Promise<void> {}

  follow(jobId: JobId): Following {
    let seen = 0;
    let told = (): void => {};
    const listener = ({ seq }: Committed): void => {
      seen = seq;
      told();
    };
    const followers = this.#followers.get(jobId) ?? new Set();
    this.#followers.set(jobId, followers.add(listener));
    return {
      next: async (afterSeq, withinMs, signal) => {
        if (seen > afterSeq) return true;
        await waitFor(this.#clock, withinMs, signal, (resolve) => {
          told = () => {
            if (seen > afterSeq) resolve();
          };
        });
        told = () => {};
        return seen > afterSeq;
      },
      close: () => {
        followers.delete(listener);
        if (followers.size === 0 && this.#followers.get(jobId) === followers) this.#followers.delete(jobId);
      },
    };
  }
}
