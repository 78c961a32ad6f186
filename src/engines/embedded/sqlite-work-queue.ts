import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { CommitId, TenantId } from "../../contract/ids.ts";
import type { Message } from "../../contract/messages.ts";
import {
  type Backlog,
  type Clock,
  type DeadLetter,
  type DeadLetterReason,
  type DeadLetterReview,
  type DeadLetterVerdict,
  type Delivery,
  MAX_RECEIVES,
  type QueueStats,
  type Receipt,
  type WorkQueue,
} from "../../core/ports.ts";
import { DrainMeter } from "./drain-meter.ts";
import { FairQueue } from "./fair-queue.ts";
import type { GroupCommit } from "./group-commit.ts";
import { SqliteDeadLetters } from "./sqlite-dead-letters.ts";
import { Wakeups } from "./wakeups.ts";

/** A message's place in memory. The row has the same; on a restart the rows are what counts. */
export interface Entry {
  readonly id: number;
  readonly queue: string;
  readonly tenant: TenantId;
  readonly enqueuedAtMs: number;
  readonly visibleAtMs: number;
  receiveCount: number;
  /** Left out when many wait: read from the row again. */
  message: Message | undefined;
}

interface Row {
  readonly id: number;
  readonly queue: string;
  readonly tenant: string;
  readonly visible_at: number;
  readonly receive_count: number;
  readonly enqueued_at: number;
  readonly body: string;
}

/** Ready messages whose content stays in memory. */
const MAX_BODIES = 10_000;
/** How long a worker that was handed a claimed message may take before it is delivered again, in ms. */
const CLAIMED_VISIBILITY_MS = 900_000;

/**
 * Queues as rows of one table, with their order in memory: no worker ever polls the disk.
 *
 * 1. A row is there from before the message is ready until after it was acked: a crash loses none.
 * 2. Only this process holds messages, so at a start every row is free again, its receive count kept.
 * 3. Visibility timeouts and delays are timers over the order in memory; a late timer only delays.
 */
export class SqliteWorkQueue implements WorkQueue {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #queues = new Map<string, QueueState>();
  readonly #onReady: (queue: string) => void;
  readonly #onError: (error: unknown) => void;
  readonly #wakeups: Wakeups<() => void>;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #received: StatementSync;
  readonly #visible: StatementSync;
  readonly #body: StatementSync;
  readonly #dead: SqliteDeadLetters;
  #bodies = 0;

  constructor(db: DatabaseSync, group: GroupCommit, clock: Clock, events: QueueEvents) {
    this.#group = group;
    this.#clock = clock;
    this.#onReady = events.onReady;
    this.#onError = events.onError;
    this.#wakeups = new Wakeups(clock, (due) => due());
    this.#insert = db.prepare(
      "INSERT INTO messages (queue, tenant, visible_at, receive_count, enqueued_at, body) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#delete = db.prepare("DELETE FROM messages WHERE id = ?");
    this.#received = db.prepare("UPDATE messages SET receive_count = ? WHERE id = ?");
    this.#visible = db.prepare("UPDATE messages SET visible_at = ? WHERE id = ?");
    this.#body = db.prepare("SELECT body FROM messages WHERE id = ?");
    this.#dead = new SqliteDeadLetters(db, group, clock);
    const rows = db.prepare(
      "SELECT id, queue, tenant, visible_at, receive_count, enqueued_at FROM messages ORDER BY id",
    );
    for (const row of rows.iterate() as unknown as Iterable<Omit<Row, "body">>) {
      this.add({
        id: row.id,
        queue: row.queue,
        tenant: row.tenant as TenantId,
        enqueuedAtMs: row.enqueued_at,
        visibleAtMs: row.visible_at,
        receiveCount: row.receive_count,
        message: undefined,
      });
    }
  }

  async receive(queue: string, max: number, visibilityMs: number): Promise<Delivery[]> {
    return this.take(queue, max, visibilityMs);
  }

  /** Like {@link receive}, at once. */
  take(queue: string, max: number, visibilityMs: number): Delivery[] {
    const state = this.#queues.get(queue);
    const deliveries: Delivery[] = [];
    while (state && deliveries.length < max) {
      const entry = state.ready.shift();
      if (entry === undefined) break;
      const message = this.#content(entry);
      if (message === undefined) continue;
      entry.receiveCount += 1;
      if (entry.receiveCount > MAX_RECEIVES) {
        this.#later(() => this.#setAside(entry, message, `received ${MAX_RECEIVES} times without being handled`));
        continue;
      }
      const count = entry.receiveCount;
      this.#later(() => this.#received.run(count, entry.id));
      deliveries.push(this.#hold(state, entry, message, visibilityMs));
    }
    if (state) this.#meter(state);
    return deliveries;
  }

  async ack(receipts: readonly Receipt[]): Promise<void> {
    const held = receipts.flatMap(({ queue, receipt }) => this.#letGo(queue, receipt) ?? []);
    if (held.length === 0) return;
    for (const { queue } of held) this.#state(queue).drain.done(1, this.#clock.now());
    await this.#group.run(() => {
      for (const entry of held) this.#delete.run(entry.id);
    });
  }

  async retryLater({ queue, receipt }: Receipt, delayMs: number): Promise<void> {
    const entry = this.#letGo(queue, receipt);
    if (entry === undefined) return;
    const visibleAtMs = this.#clock.now() + delayMs;
    try {
      await this.#group.run(() => this.#visible.run(visibleAtMs, entry.id));
    } finally {
      // The row is there in any case; where it could not be changed, a restart only forgets the wait.
      this.add({ ...entry, visibleAtMs, message: undefined });
    }
  }

  async defer(queue: string, message: Message, delayMs: number): Promise<void> {
    this.add(await this.#group.run(() => this.insert(queue, message, delayMs, 0)));
    this.#state(queue).drain.deferred(this.#clock.now());
  }

  async deadLetter(queue: string, message: Message, reason: DeadLetterReason): Promise<void> {
    await this.#group.run(() => this.#dead.insert(queue, message, reason));
  }

  async deadLetters(queue: string, max: number): Promise<DeadLetter[]> {
    return this.#dead.oldest(queue, max);
  }

  reviewDeadLetters(
    queue: string,
    judge: (letter: DeadLetter) => Promise<DeadLetterVerdict>,
    max: number,
  ): Promise<DeadLetterReview> {
    return this.#dead.review(queue, judge, max);
  }

  async stats(queue: string): Promise<QueueStats> {
    const state = this.#queues.get(queue);
    return {
      ...(await this.backlog(queue)),
      inFlight: state?.inFlight.size ?? 0,
      deadLetters: this.#dead.count(queue),
    };
  }

  async backlog(queue: string): Promise<Backlog> {
    const { ready, delayed = 0 } = this.#queues.get(queue) ?? {};
    const oldest = ready?.oldestMs() ?? Number.POSITIVE_INFINITY;
    return {
      ready: ready?.size ?? 0,
      oldestAgeMs: Number.isFinite(oldest) ? Math.max(0, this.#clock.now() - oldest) : 0,
      delayed,
    };
  }

  async drainedPerSecond(queue: string): Promise<number | undefined> {
    return this.#queues.get(queue)?.drain.perSecond(this.#clock.now());
  }

  /** Messages that may be received now. */
  ready(queue: string): number {
    return this.#queues.get(queue)?.ready.size ?? 0;
  }

  /** Queues that have something to receive. */
  readyQueues(): string[] {
    return [...this.#queues].filter(([, state]) => state.ready.size > 0).map(([name]) => name);
  }

  close(): void {
    this.#wakeups.close();
  }

  /** Inside a transaction of the group's: the row. {@link add} or {@link takeClaimed} must follow its commit. */
  insert(queue: string, message: Message, delayMs: number, receiveCount: number): Entry {
    const enqueuedAtMs = this.#clock.now();
    const visibleAtMs = enqueuedAtMs + delayMs;
    const { tenant } = message.detail;
    const body = JSON.stringify(message);
    const { lastInsertRowid } = this.#insert.run(queue, tenant, visibleAtMs, receiveCount, enqueuedAtMs, body);
    return { id: Number(lastInsertRowid), queue, tenant, enqueuedAtMs, visibleAtMs, receiveCount, message };
  }

  /** Makes a stored message ready, now or when its delay is over. */
  add(entry: Entry): void {
    const state = this.#state(entry.queue);
    if (entry.visibleAtMs > this.#clock.now()) {
      state.delayed += 1;
      this.#wakeups.at(entry.visibleAtMs, () => {
        state.delayed -= 1;
        this.add({ ...entry, visibleAtMs: 0, message: undefined });
      });
      return;
    }
    if (entry.message !== undefined) {
      if (this.#bodies >= MAX_BODIES) entry.message = undefined;
      else this.#bodies += 1;
    }
    state.ready.push(entry);
    this.#meter(state);
    this.#onReady(entry.queue);
  }

  /** Holds a stored message for the worker that waits for it. */
  takeClaimed(entry: Entry, claimedBy: CommitId | undefined): Delivery {
    const message = entry.message as Message;
    const delivery = this.#hold(this.#state(entry.queue), entry, message, CLAIMED_VISIBILITY_MS);
    return claimedBy === undefined ? delivery : { ...delivery, claimedBy };
  }

  #hold(state: QueueState, entry: Entry, message: Message, visibilityMs: number): Delivery {
    const receipt = `${entry.id}.${entry.receiveCount}`;
    const untilMs = this.#clock.now() + visibilityMs;
    state.inFlight.set(receipt, { entry, untilMs });
    this.#meter(state);
    this.#watch(state, untilMs);
    return {
      queue: entry.queue,
      receipt,
      messageId: String(entry.id),
      message,
      receiveCount: entry.receiveCount,
      enqueuedAtMs: entry.enqueuedAtMs,
    };
  }

  /** Keeps one wake-up a queue for its visibility timeouts: nearly all deliveries are answered long before theirs. */
  #watch(state: QueueState, untilMs: number): void {
    if (untilMs >= state.sweepAtMs) return;
    state.sweepAtMs = untilMs;
    this.#wakeups.at(untilMs, () => this.#sweep(state, untilMs));
  }

  #sweep(state: QueueState, atMs: number): void {
    if (atMs !== state.sweepAtMs) return;
    state.sweepAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [receipt, { entry, untilMs }] of state.inFlight) {
      if (untilMs > nowMs) {
        nextMs = Math.min(nextMs, untilMs);
        continue;
      }
      state.inFlight.delete(receipt);
      this.add({ ...entry, visibleAtMs: 0, message: undefined });
    }
    if (Number.isFinite(nextMs)) this.#watch(state, nextMs);
  }

  #letGo(queue: string, receipt: string): Entry | undefined {
    const state = this.#state(queue);
    const held = state.inFlight.get(receipt);
    state.inFlight.delete(receipt);
    this.#meter(state);
    return held?.entry;
  }

  #meter({ ready, inFlight, drain }: QueueState): void {
    drain.busy(ready.size + inFlight.size > 0, this.#clock.now());
  }

  #content(entry: Entry): Message | undefined {
    if (entry.message !== undefined) {
      this.#bodies -= 1;
      return entry.message;
    }
    const row = this.#body.get(entry.id) as { body: string } | undefined;
    return row && (JSON.parse(row.body) as Message);
  }

  #setAside(entry: Entry, message: Message, reason: string): void {
    this.#delete.run(entry.id);
    this.#dead.insert(entry.queue, message, { reason });
  }

  /** Bookkeeping that nobody waits for: it rides in the next transaction. */
  #later(operation: () => void): void {
    this.#group.run(operation).catch(this.#onError);
  }

  #state(queue: string): QueueState {
    let state = this.#queues.get(queue);
    if (state === undefined) {
      state = {
        ready: new FairQueue(),
        inFlight: new Map(),
        drain: new DrainMeter(),
        delayed: 0,
        sweepAtMs: Number.POSITIVE_INFINITY,
      };
      this.#queues.set(queue, state);
    }
    return state;
  }
}

interface QueueState {
  readonly ready: FairQueue<Entry>;
  readonly inFlight: Map<string, { readonly entry: Entry; readonly untilMs: number }>;
  readonly drain: DrainMeter;
  delayed: number;
  /** When the earliest visibility timeout is looked at. */
  sweepAtMs: number;
}

export interface QueueEvents {
  readonly onReady: (queue: string) => void;
  /** A write that nobody waits for has failed. */
  readonly onError: (error: unknown) => void;
}
