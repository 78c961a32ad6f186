import type { Entry, Limits, Reservable, Reserved, StoredCircuit } from "../../core/ports.ts";
import { decideReservation } from "../../core/token-bucket.ts";

/** How often what is not used any more is looked for. */
const SWEEP_MS = 60_000;
/** How long it is kept then: who asks may be ahead of the clock, for a place in a line that is yet to come. */
const KEPT_MS = 3_600_000;
/** Circuits that are kept: of more, those go that nobody has changed for longest. */
const MAX_CIRCUITS = 1_000;

/**
 * Limits in memory, since one process does all the work. A restart forgets them: its buckets are full, which lets one
 * more burst through; its circuits are closed, and a provider that is still down opens them again after some failures;
 * nobody is in a set, which is true, since the workers went with the process. To keep them in the file would cost every
 * call of a provider a synced write.
 */
export class MemoryLimits implements Limits {
  /** When each bucket is full again. */
  readonly #buckets = new Map<string, number>();
  readonly #circuits = new Map<string, StoredCircuit>();
  /** Until when each id of a set counts. */
  readonly #sets = new Map<string, Map<string, number>>();
  #sweptMs = 0;

  /** Records that are kept, for tests of what becomes of unused ones. */
  get size(): number {
    return this.#buckets.size + this.#circuits.size + this.#sets.size;
  }

  async reserve(key: string, ask: Reservable): Promise<Reserved> {
    this.#sweep(ask.nowMs);
    const fullAtMs = this.#buckets.get(key);
    const decision = decideReservation(fullAtMs, ask);
    if (decision.kind === "refused") return { granted: false, retryAtMs: decision.retryAtMs };
    const next = decision.kind === "from-full" ? decision.fullAtMs : (fullAtMs ?? 0) + ask.costMs;
    this.#buckets.set(key, next);
    return { granted: true, usedMs: next - ask.nowMs };
  }

  async settle(key: string, deltaMs: number): Promise<void> {
    const fullAtMs = this.#buckets.get(key);
    // One that is not kept is full.
    if (fullAtMs !== undefined) this.#buckets.set(key, fullAtMs + deltaMs);
  }

  async circuit(key: string): Promise<StoredCircuit | undefined> {
    return this.#circuits.get(key);
  }

  async circuits(): Promise<readonly (StoredCircuit & { readonly key: string })[]> {
    return [...this.#circuits].map(([key, circuit]) => ({ key, ...circuit }));
  }

  async changeCircuit(key: string, record: string, expectedVersion: number): Promise<boolean> {
    const version = this.#circuits.get(key)?.version ?? 0;
    if (version !== expectedVersion) return false;
    // The last in the map's order is the last that was changed.
    this.#circuits.delete(key);
    this.#circuits.set(key, { record, version: version + 1 });
    const [longest] = this.#circuits.keys();
    if (this.#circuits.size > MAX_CIRCUITS && longest !== undefined) this.#circuits.delete(longest);
    return true;
  }

  async enter(key: string, id: string, { untilMs, most, nowMs }: Entry): Promise<boolean> {
    this.#sweep(nowMs);
    const set = this.#sets.get(key) ?? new Map<string, number>();
    for (const [other, otherUntilMs] of set) if (otherUntilMs <= nowMs) set.delete(other);
    if (!set.has(id) && set.size >= most) return false;
    set.set(id, untilMs);
    this.#sets.set(key, set);
    return true;
  }

  async leave(key: string, id: string): Promise<void> {
    const set = this.#sets.get(key);
    set?.delete(id);
    if (set?.size === 0) this.#sets.delete(key);
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = nowMs;
    const unusedSinceMs = nowMs - KEPT_MS;
    for (const [key, fullAtMs] of this.#buckets) if (fullAtMs <= unusedSinceMs) this.#buckets.delete(key);
    for (const [key, set] of this.#sets) {
      if ([...set.values()].every((untilMs) => untilMs <= unusedSinceMs)) this.#sets.delete(key);
    }
  }
}
