import { MAX_EVENTS } from "../../src/contract/api.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import type { ServerMessage } from "../../src/contract/socket.ts";
import type { JobStores } from "../../src/core/read-job.ts";
import type { Sockets, Subscribers, Subscription } from "../../src/core/subscribers.ts";
import { readEvents } from "../events/events.ts";
import { handOver } from "../hand-over.ts";
import { type FramedEvent, framed, frameOf } from "./event-frame.ts";
import { Turns } from "./turns.ts";

export interface DeliveryDeps extends JobStores {
  readonly subscribers: Subscribers;
  readonly sockets: Sockets;
}

interface Page {
  readonly events: readonly FramedEvent[];
  readonly next: number;
  readonly ended: boolean;
  readonly cut: boolean;
}

/** Events read at once. */
const PAGE_EVENTS = Math.min(200, MAX_EVENTS);
/** Of a connection's derived subscriptions, those that are fed at once: each holds a page of its job's log. */
const MAX_DERIVED_AT_ONCE = 8;

/**
 * Sends a job's events to those who watch it, each from its own cursor.
 *
 * 1. Each subscription is fed by one loop at a time in this process; what is committed meanwhile it looks for at its end.
 * 2. A cursor moves on after its events were handed over: a crash in between sends them again, never too few.
 * 3. Who takes frames slowly holds up nobody but itself: its loop waits, and the log keeps what it has not got. Who does not take
 *    one is closed and forgotten, which fails nothing.
 * 4. What is sent to many is read and written as JSON once.
 * 5. What waits for one connection is bounded, however many jobs it follows: what is derived waits for its turn without a page.
 * 6. Whose time is up leaves off between two frames, its cursor at the last that was handed over; each time it gets one further at least.
 */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #fed = new Set<string>();
  readonly #again = new Set<string>();
  readonly #turns = new Turns(MAX_DERIVED_AT_ONCE);

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when everybody has what the log had when it was called, or is gone; with false where that did not fit into its
   * time, and somebody has to deliver the rest. Rejects as the log and the stores do.
   *
   * @param isTimeUp asked between frames, and before each further page. @default it has all the time it needs
   */
  async deliver(jobId: JobId, isTimeUp: () => boolean = () => false): Promise<boolean> {
    const subscriptions = await this.#deps.subscribers.ofJob(jobId);
    const idle = subscriptions.filter((subscription) => this.#take(subscription));
    const soon = idle.filter(({ isDerived, connectionId }) => !isDerived || this.#turns.take(connectionId));
    const [first] = soon;
    const page = first && this.#read(first.tenant, jobId, Math.min(...soon.map(({ afterSeq }) => afterSeq)));
    const now = new Set(soon);
    const fed = await Promise.allSettled(
      idle.map((subscription) =>
        page !== undefined && now.has(subscription)
          ? this.#feed(subscription, jobId, page, isTimeUp)
          : this.#turns
              .wait(subscription.connectionId)
              .then(() => this.#feed(subscription, jobId, undefined, isTimeUp)),
      ),
    );
    for (const outcome of fed) if (outcome.status === "rejected") throw outcome.reason;
    return fed.every((outcome) => outcome.status === "fulfilled" && outcome.value);
  }

  /** False where it is fed already: that loop will look once more. */
  #take(subscription: Subscription): boolean {
    const key = keyOf(subscription);
    if (this.#fed.has(key)) {
      this.#again.add(key);
      return false;
    }
    this.#fed.add(key);
    return true;
  }

  /**
   * False where its time was up before it had everything.
   *
   * @param first undefined where it has waited for its turn
   */
  async #feed(
    subscription: Subscription,
    jobId: JobId,
    first: Promise<Page> | undefined,
    isTimeUp: () => boolean,
  ): Promise<boolean> {
    const key = keyOf(subscription);
    const { subscribers } = this.#deps;
    const { connectionId } = subscription;
    let { afterSeq } = subscription;
    try {
      if (first === undefined) {
        if (isTimeUp()) return false;
        // Who has waited may have left meanwhile.
        if (!(await subscribers.advance(subscription, afterSeq))) return true;
      }
      let page = await (first ?? this.#read(subscription.tenant, jobId, afterSeq));
      for (;;) {
        const from = afterSeq;
        for (const event of page.events) {
          if (event.seq <= afterSeq) continue;
          if (afterSeq > from && isTimeUp()) break;
          if (!(await handOver(connectionId, frameOf(subscription.id, event), this.#deps))) return true;
          afterSeq = event.seq;
        }
        if (afterSeq > from && !(await subscribers.advance(subscription, afterSeq))) return true;
        if (afterSeq < page.next) return false;
        if (page.ended) {
          const complete: ServerMessage = { type: "complete", id: subscription.id, jobId, seq: afterSeq };
          if (await handOver(connectionId, JSON.stringify(complete), this.#deps)) await subscribers.end(subscription);
          return true;
        }
        if (!page.cut && !this.#again.delete(key)) return true;
        if (isTimeUp()) return false;
        page = await this.#read(subscription.tenant, jobId, afterSeq);
      }
    } finally {
      this.#fed.delete(key);
      this.#again.delete(key);
      if (subscription.isDerived) this.#turns.give(subscription.connectionId);
    }
  }

  async #read(tenant: TenantId, jobId: JobId, after: number): Promise<Page> {
    const { events, ...page } = await readEvents(tenant, jobId, { after, limit: PAGE_EVENTS }, this.#deps);
    return { ...page, events: events.map(framed) };
  }
}

const keyOf = ({ connectionId, id, token, jobId }: Subscription): string => `${connectionId} ${id} ${token} ${jobId}`;

/** Has those who watch all jobs of a tenant watch one that was just begun, from its first event. Safe to call again. */
export async function watchNew(
  { jobId, tenant }: { readonly jobId: JobId; readonly tenant: TenantId },
  subscribers: Subscribers,
): Promise<void> {
  const all = await subscribers.ofTenant(tenant);
  await Promise.all(
    all.map((subscription) =>
      subscribers.subscribe({ ...subscription, jobId, isDerived: true, afterSeq: 0 }, Number.POSITIVE_INFINITY),
    ),
  );
}
