import type { Limits, Reservable, Reserved } from "../../core/ports.ts";

/** Keys after which those that are full again are forgotten. */
const SWEEP_ABOVE = 10_000;

/** Buckets of one process: by when each is full again (the generic cell rate algorithm). */
export class MemoryLimits implements Limits {
  readonly #fullAtMs = new Map<string, number>();

  async reserve(key: string, { costMs, burstMs, nowMs }: Reservable): Promise<Reserved> {
    const fullAtMs = Math.max(this.#fullAtMs.get(key) ?? 0, nowMs) + costMs;
    if (fullAtMs - nowMs > burstMs) return { granted: false, retryAtMs: fullAtMs - burstMs };
    if (this.#fullAtMs.size > SWEEP_ABOVE) this.#sweep(nowMs);
    this.#fullAtMs.set(key, fullAtMs);
    return { granted: true, usedMs: fullAtMs - nowMs };
  }

  #sweep(nowMs: number): void {
    for (const [key, fullAtMs] of this.#fullAtMs) if (fullAtMs <= nowMs) this.#fullAtMs.delete(key);
  }
}
