import type { JobId, TenantId } from "../../contract/ids.ts";
import type { Clock, Committed, Watchers } from "../../core/ports.ts";
import type { Subscribers, Subscription } from "../../core/subscribers.ts";
import { waitFor } from "../../core/wait-for.ts";
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
/** Jobs at most of which a process keeps that they have begun and that nobody was told so. */
const MAX_UNTOLD = 1_000;

/**
 * After each commit one strongly consistent read says whether anybody is to be sent anything; of a job that nobody watches
 * that is all. Otherwise one message goes to delivery, which sends. Whoever subscribes writes that down first and reads the log
 * then: either this read finds them, or they find the commit.
 *
 * A job's first commit can have no watcher of its own, only such as watch all of a tenant; they follow its job before its log is
 * read, so that the same holds for them from then on. Whoever is not told of it would never follow: it is told again after the next
 * that is told in this process, and by the reconciler ({@link again}). SQS takes it once within five minutes.
 */
export class SqsWatchers implements Watchers {
  readonly #props: SqsWatchersProps;
  /** Commits that came while the last one of their lane is being told of: a read that has begun does not speak for them. */
  readonly #next = new Map<string, Committed>();
  readonly #telling = new Map<string, Promise<void>>();
  readonly #untold = new Map<JobId, TenantId>();

  constructor(props: SqsWatchersProps) {
    this.#props = props;
  }

  committed(commit: Committed): void {
    // That a job has begun is asked of others than what comes later: one does not speak for the other.
    const lane = commit.isFirst ? `new ${commit.jobId}` : commit.jobId;
    this.#next.set(lane, commit);
    if (this.#telling.has(lane)) return;
    this.#telling.set(lane, this.#tellAll(lane));
  }

  again({ jobId, tenant }: Pick<Committed, "jobId" | "tenant">): void {
    this.committed({ jobId, tenant, seq: 1, isFirst: true, ended: false });
  }

  async settled(): Promise<void> {
    if (this.#telling.size === 0) return;
    await waitFor(this.#props.clock, SETTLED_WITHIN_MS, undefined, (done) => void this.#idle().then(done));
  }

  async #idle(): Promise<void> {
    while (this.#telling.size > 0) await Promise.all(this.#telling.values());
  }

  async #tellAll(lane: string): Promise<void> {
    for (;;) {
      const commit = this.#next.get(lane);
      if (commit === undefined) {
        this.#telling.delete(lane);
        return;
      }
      this.#next.delete(lane);
      try {
        await this.#tell(commit);
        this.#tellOldest();
      } catch (error) {
        if (commit.isFirst) this.#keep(commit);
        this.#props.onError(commit.jobId, error);
      }
    }
  }

  async #tell({ jobId, tenant, seq, isFirst }: Committed): Promise<void> {
    const { queue, subscribers, onFound } = this.#props;
    const watched = isFirst ? await subscribers.ofTenant(tenant) : await subscribers.ofJob(jobId);
    if (!isFirst) onFound?.(jobId, watched);
    if (watched.length === 0) return;
    if (isFirst) await queue.tell({ jobId, newOf: tenant }, `${jobId}.new`);
    else await queue.tell({ jobId }, `${jobId}.${seq}`);
  }

  #keep({ jobId, tenant }: Committed): void {
    const [oldest] = this.#untold.keys();
    if (this.#untold.size >= MAX_UNTOLD && oldest !== undefined) this.#untold.delete(oldest);
    this.#untold.set(jobId, tenant);
  }

  /** One at a time: each that is told has the next one told, and one that is not costs a commit one call more. */
  #tellOldest(): void {
    const [oldest] = this.#untold;
    if (oldest === undefined) return;
    const [jobId, tenant] = oldest;
    this.#untold.delete(jobId);
    this.again({ jobId, tenant });
  }
}
