import TinyQueue from "tinyqueue";
import type { Clock } from "../../core/ports.ts";

/** Calls back for each item at its time, with one timer for all. */
export class Wakeups<T> {
  readonly #clock: Clock;
  readonly #callback: (item: T) => void;
  readonly #heap = new TinyQueue<{ atMs: number; item: T }>([], (a, b) => a.atMs - b.atMs);
  #cancel: (() => void) | undefined;
  #nextMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(clock: Clock, callback: (item: T) => void) {
    this.#clock = clock;
    this.#callback = callback;
  }

  at(atMs: number, item: T): void {
    this.#heap.push({ atMs, item });
    if (atMs < this.#nextMs) this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #arm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const next = this.#heap.peek();
    this.#nextMs = next?.atMs ?? Number.POSITIVE_INFINITY;
    if (next === undefined || this.#closed) return;
    this.#cancel = this.#clock.setTimer(Math.max(0, next.atMs - this.#clock.now()), () => this.#ring());
  }

  #ring(): void {
    const nowMs = this.#clock.now();
    try {
      for (let next = this.#heap.peek(); next && next.atMs <= nowMs; next = this.#heap.peek()) {
        this.#heap.pop();
        this.#callback(next.item);
      }
    } finally {
      // Also after a callback that throws: nothing else would ever ring again.
      this.#arm();
    }
  }
}
