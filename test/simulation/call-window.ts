import { burstMs, costMs } from "../../src/core/rate-limits.ts";

/** What has been used of a rate, by the provider's count. */
export class CallWindow {
  readonly #perMinute: number;
  #takenMs = 0;
  /** What was taken before the fullest window, less the time at which that begins. */
  #least = Number.POSITIVE_INFINITY;

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** By how much the fullest window that ends now has more than its rate, a burst and one call, in ms of the rate. */
  add(amount: number, nowMs: number): number {
    const cost = costMs(amount, this.#perMinute);
    this.#least = Math.min(this.#least, this.#takenMs - nowMs);
    this.#takenMs += cost;
    return this.#takenMs - nowMs - this.#least - burstMs(this.#perMinute) - cost;
  }
}
