import type { CommitId } from "../../src/contract/ids.ts";
import type { Message } from "../../src/contract/messages.ts";
import type { DeadLetter, Delivery, QueueStats, Receipt } from "../../src/core/ports.ts";

interface Waiting {
  readonly id: number;
  readonly message: Message;
  readonly enqueuedAtMs: number;
  visibleAtMs: number;
  receiveCount: number;
  held: boolean;
}

/** For so long nobody else sees a dead letter that is looked at, in ms. */
export const LOOK_MS = 60_000;

/** Queues that every process sees: at least once, in any order, with visibility timeouts. Every method is one atomic effect. */
export class Queues {
  readonly #queues = new Map<string, Map<number, Waiting>>();
  readonly #dead = new Map<string, DeadLetter[]>();
  /** Dead letters that somebody looks at, and until when nobody else sees them. */
  readonly #looks = new Map<DeadLetter, number>();
  readonly #maxReceives: number;
  /** Messages that were received too often. */
  setAside = 0;
  #ids = 0;

  /** @param maxReceives above which a message is set aside by its queue */
  constructor(maxReceives: number) {
    this.#maxReceives = maxReceives;
  }

  get names(): readonly string[] {
    return [...this.#queues.keys()];
  }

  /** Whether no queue has anything but dead letters. */
  get areEmpty(): boolean {
    return [...this.#queues.values()].every((queue) => queue.size === 0);
  }

  send(queue: string, message: Message, nowMs: number, delayMs = 0): void {
    this.#add(queue, { message, enqueuedAtMs: nowMs, visibleAtMs: nowMs + delayMs, receiveCount: 0, held: false });
  }

  /** A message that is in its consumer's hands from the beginning. */
  sendHeld(queue: string, message: Message, nowMs: number, untilMs: number, claimedBy?: CommitId): Delivery {
    const waiting = { message, enqueuedAtMs: nowMs, visibleAtMs: untilMs, receiveCount: 1, held: true };
    const delivery = deliveryOf(queue, this.#add(queue, waiting));
    return claimedBy === undefined ? delivery : { ...delivery, claimedBy };
  }

  /** What may be received now; messages that were received too often are set aside on the way. */
  receive(queue: string, max: number, nowMs: number, visibilityMs: () => number): Delivery[] {
    const deliveries: Delivery[] = [];
    for (const waiting of this.#queues.get(queue)?.values() ?? []) {
      if (waiting.visibleAtMs > nowMs || deliveries.length >= max) continue;
      waiting.receiveCount += 1;
      if (waiting.receiveCount > this.#maxReceives) {
        this.#queues.get(queue)?.delete(waiting.id);
        this.setAside += 1;
        this.deadLetter(queue, { message: waiting.message, reason: "received too often", deadLetteredAtMs: nowMs });
        continue;
      }
      waiting.visibleAtMs = nowMs + visibilityMs();
      waiting.held = true;
      deliveries.push(deliveryOf(queue, waiting));
    }
    return deliveries;
  }

  ack({ queue, receipt }: Receipt): void {
    const held = this.#heldBy(queue, receipt);
    if (held) this.#queues.get(queue)?.delete(held.id);
  }

  retryLater({ queue, receipt }: Receipt, nowMs: number, delayMs: number): void {
    const held = this.#heldBy(queue, receipt);
    if (held === undefined) return;
    held.visibleAtMs = nowMs + delayMs;
    held.held = false;
  }

  deadLetter(queue: string, letter: DeadLetter): void {
    this.#dead.set(queue, [...this.deadLetters(queue), letter]);
  }

  /** Dead letters for one who looks at them: until they are given back, or a while has passed, nobody else does. */
  lookAt(queue: string, max: number, nowMs: number): readonly DeadLetter[] {
    const letters = this.deadLetters(queue).filter((letter) => (this.#looks.get(letter) ?? 0) <= nowMs);
    const taken = letters.slice(0, max);
    for (const letter of taken) this.#looks.set(letter, nowMs + LOOK_MS);
    return taken;
  }

  giveBack(letters: readonly DeadLetter[]): void {
    for (const letter of letters) this.#looks.delete(letter);
  }

  /** Somebody has taken it out. */
  dropDeadLetter(queue: string, letter: DeadLetter): void {
    this.#dead.set(
      queue,
      this.deadLetters(queue).filter((other) => other !== letter),
    );
  }

  deadLetters(queue: string): readonly DeadLetter[] {
    return this.#dead.get(queue) ?? [];
  }

  /** The consumer of all of them has died, and everybody knows: what it held may be received at once. */
  releaseAll(nowMs: number): void {
    for (const queue of this.#queues.values()) {
      for (const waiting of queue.values()) {
        if (waiting.held) Object.assign(waiting, { held: false, visibleAtMs: nowMs });
      }
    }
  }

  /** When the next message of any queue may be received, in epoch ms. */
  get nextVisibleMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues.values()) {
      for (const { visibleAtMs } of queue.values()) next = Math.min(next, visibleAtMs);
    }
    return next;
  }

  stats(queue: string, nowMs: number): QueueStats {
    const all = [...(this.#queues.get(queue)?.values() ?? [])];
    const ready = all.filter(({ visibleAtMs }) => visibleAtMs <= nowMs);
    return {
      ready: ready.length,
      oldestAgeMs: ready.length === 0 ? 0 : nowMs - Math.min(...ready.map((waiting) => waiting.enqueuedAtMs)),
      delayed: all.filter((waiting) => waiting.visibleAtMs > nowMs && !waiting.held).length,
      inFlight: all.filter((waiting) => waiting.visibleAtMs > nowMs && waiting.held).length,
      deadLetters: this.deadLetters(queue).length,
    };
  }

  #add(queue: string, waiting: Omit<Waiting, "id">): Waiting {
    this.#ids += 1;
    const added = { id: this.#ids, ...waiting };
    const queued = this.#queues.get(queue) ?? new Map<number, Waiting>();
    this.#queues.set(queue, queued.set(added.id, added));
    return added;
  }

  /** A receipt names a delivery: once the message was delivered again, an earlier one has no effect. */
  #heldBy(queue: string, receipt: string): Waiting | undefined {
    const [id, receiveCount] = receipt.split(".").map(Number);
    const waiting = this.#queues.get(queue)?.get(id ?? 0);
    return waiting?.held && waiting.receiveCount === receiveCount ? waiting : undefined;
  }
}

const deliveryOf = (queue: string, { id, message, receiveCount, enqueuedAtMs }: Waiting): Delivery => ({
  queue,
  receipt: `${id}.${receiveCount}`,
  messageId: String(id),
  message,
  receiveCount,
  enqueuedAtMs,
});
