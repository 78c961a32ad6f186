import type { JobId } from "../../contract/ids.ts";
import type { Clock, Committed, Watchers } from "../../core/ports.ts";
import type { Subscribers, Subscription } from "../../core/subscribers.ts";
import type { DeliveryQueue } from "./delivery-queue.ts";

export interface SqsWatchersProps {
  readonly queue: DeliveryQueue;
  readonly subscribers: Pick<Subscribers, "ofJob" | "ofTenant">;
  readonly clock: Clock;
  /** Told of who watches a job whenever that was read. */
  readonly onFound?: (jobId: JobId, watchers: readonly Subscription[]) => void;
  /** Somebody was not told: they are late. */
  readonly onError: (jobId: JobId, error: unknown) => void;
}

/** What an invocation waits for at its end, at the longest: whoever is not told by then asks again within a minute. */
const SETTLED_WITHIN_MS = 2_000;

/**
 * After each commit one strongly consistent read says whether anybody is to be sent anything; of a job that nobody watches
 * that is all. Otherwise one message goes to delivery, which sends. Whoever subscribes writes that down first and reads the log
 * then: either this read finds them, or they find the commit.
 *
 * A job's first commit can have no watcher of its own, only such as watch all of a tenant; they follow its job before its log is
 * read, so that the same holds for them from then on.
 */
export class SqsWatchers implements Watchers {
  readonly #props: SqsWatchersProps;
  /** Commits that came while a job's last one is being told of: a read that has begun does not speak for them. */
  readonly #next = new Map<JobId, Committed>();
  readonly #telling = new Map<JobId, Promise<void>>();

  constructor(props: SqsWatchersProps) {
    this.#props = props;
  }

  committed(commit: Committed): void {
    const { jobId } = commit;
    const waiting = this.#next.get(jobId);
    this.#next.set(jobId, waiting ? { ...commit, isFirst: waiting.isFirst || commit.isFirst } : commit);
    if (this.#telling.has(jobId)) return;
    this.#telling.set(jobId, this.#tellAll(jobId));
  }

  async settled(): Promise<void> {
    if (this.#telling.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#props.clock.setTimer(SETTLED_WITHIN_MS, resolve);
      void Promise.all(this.#telling.values()).then(() => {
        cancel();
        resolve();
      });
    });
  }

  async #tellAll(jobId: JobId): Promise<void> {
    for (;;) {
      const commit = this.#next.get(jobId);
      if (commit === undefined) {
        this.#telling.delete(jobId);
        return;
      }
      this.#next.delete(jobId);
      await this.#tell(commit).catch((error: unknown) => this.#props.onError(jobId, error));
    }
  }

  async #tell({ jobId, tenant, seq, isFirst }: Committed): Promise<void> {
    const { queue, subscribers, onFound } = this.#props;
    const watched = isFirst ? await subscribers.ofTenant(tenant) : await subscribers.ofJob(jobId);
    if (!isFirst) onFound?.(jobId, watched);
    if (watched.length === 0) return;
    await queue.tell({ jobId, ...(isFirst ? { newOf: tenant } : {}) }, `${jobId}.${seq}`);
  }
}
