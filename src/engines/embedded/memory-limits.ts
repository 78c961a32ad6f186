import type { Clock, Entry, Granted, Limits, Spend, StoredCircuit } from "../../core/ports.ts";
import { decideSpend } from "../../core/token-bucket.ts";

/** How often what is not used any more is looked for. */
const SWEEP_MS = 60_000;
/** How long a circuit is kept that nobody has changed: longer than any can be open. */
const CIRCUIT_KEPT_MS = 2 * 86_400_000;

/**
 * Limits in memory, since one process does all the work. A restart forgets them: its buckets are full, which lets one
 * more burst through; its circuits are closed, and a provider that is still down opens them again after some failures;
 * nobody is in a set, which is true, since the workers went with the process. To keep them in the file would cost every
 * call of a provider a synced write.
 */
export class MemoryLimits implements Limits {
  readonly #clock: Clock;
  /** When each bucket is full again. */
  readonly #buckets = new Map<string, number>();
  readonly #circuits = new Map<string, StoredCircuit & { readonly changedMs: number }>();
  /** Until when each id of a set counts. */
  readonly #sets = new Map<string, Map<string, number>>();
  #sweptMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sweptMs = clock.now();
  }

  /** Records that are kept, for tests of what becomes of unused ones. */
  get size(): number {
    return this.#buckets.size + this.#circuits.size + this.#sets.size;
  }

  async reserve(key: string, spend: Spend): Promise<Granted> {
    this.#sweep();
    const fullAtMs = this.#buckets.get(key);
    const decision = decideSpend(fullAtMs, spend);
    switch (decision.kind) {
      case "refused":
        return { granted: false, retryAtMs: decision.retryAtMs };
      case "from-full":
        this.#buckets.set(key, decision.fullAtMs);
        return { granted: true, usedMs: decision.fullAtMs - spend.nowMs };
      case "from-rest":
        this.#buckets.set(key, decision.fullAtMs);
        return { granted: true, usedMs: decision.fullAtMs - spend.nowMs };
    }
  }

  async settle(key: string, deltaMs: number): Promise<void> {
    const fullAtMs = this.#buckets.get(key);
    // One that is not kept is full.
    if (fullAtMs !== undefined) this.#buckets.set(key, fullAtMs + deltaMs);
  }

  async circuit(key: string): Promise<StoredCircuit | undefined> {
    const circuit = this.#circuits.get(key);
    return circuit && { record: circuit.record, version: circuit.version };
  }

  async circuits(): Promise<readonly (StoredCircuit & { readonly key: string })[]> {
    return [...this.#circuits].map(([key, { record, version }]) => ({ key, record, version }));
  }

  async changeCircuit(key: string, record: string, expectedVersion: number): Promise<boolean> {
    this.#sweep();
    const version = this.#circuits.get(key)?.version ?? 0;
    if (version !== expectedVersion) return false;
    this.#circuits.set(key, { record, version: version + 1, changedMs: this.#clock.now() });
    return true;
  }

  async enter(key: string, id: string, { untilMs, most, nowMs }: Entry): Promise<boolean> {
    this.#sweep();
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

  #sweep(): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = nowMs;
    for (const [key, fullAtMs] of this.#buckets) if (fullAtMs <= nowMs) this.#buckets.delete(key);
    for (const [key, { changedMs }] of this.#circuits) {
      if (changedMs + CIRCUIT_KEPT_MS <= nowMs) this.#circuits.delete(key);
    }
    for (const [key, set] of this.#sets) {
      if ([...set.values()].every((untilMs) => untilMs <= nowMs)) this.#sets.delete(key);
    }
  }
}
