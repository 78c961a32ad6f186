interface Sample {
  readonly atMs: number;
  readonly busyMs: number;
  readonly done: number;
}

const WINDOW_MS = 60_000;
const SAMPLE_MS = 1_000;
/** Below this it is chance how many were done. */
const LEAST_BUSY_MS = 1_000;

/**
 * How fast a queue is worked off: messages done in the last minute, over the part of it in which there were any. An idle
 * queue would otherwise look slow, and a burst's first seconds like an outage.
 */
export class DrainMeter {
  readonly #samples: Sample[] = [];
  #busySinceMs: number | undefined;
  #busyMs = 0;
  #done = 0;

  /** There is something to do, or there is nothing any more. */
  busy(isBusy: boolean, nowMs: number): void {
    if (isBusy === (this.#busySinceMs !== undefined)) return;
    this.#sample(nowMs);
    this.#busyMs = this.#busyUntil(nowMs);
    this.#busySinceMs = isBusy ? nowMs : undefined;
  }

  done(messages: number, nowMs: number): void {
    this.#done += messages;
    this.#sample(nowMs);
  }

  /** A copy of a message went in for later: once the message itself is done, nothing will have been. */
  deferred(nowMs: number): void {
    this.done(-1, nowMs);
  }

  /** Undefined while too little was seen. */
  perSecond(nowMs: number): number | undefined {
    this.#forget(nowMs);
    const [since] = this.#samples;
    const busyMs = this.#busyUntil(nowMs) - (since?.busyMs ?? 0);
    if (since === undefined || busyMs < LEAST_BUSY_MS) return undefined;
    return Math.max(0, (1_000 * (this.#done - since.done)) / busyMs);
  }

  #busyUntil(nowMs: number): number {
    return this.#busyMs + (this.#busySinceMs === undefined ? 0 : nowMs - this.#busySinceMs);
  }

  #sample(nowMs: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && nowMs - last.atMs < SAMPLE_MS) return;
    this.#samples.push({ atMs: nowMs, busyMs: this.#busyUntil(nowMs), done: this.#done });
    this.#forget(nowMs);
  }

  /** The last sample from before the window is where the window begins. */
  #forget(nowMs: number): void {
    while ((this.#samples[1]?.atMs ?? nowMs) <= nowMs - WINDOW_MS) this.#samples.shift();
  }
}
