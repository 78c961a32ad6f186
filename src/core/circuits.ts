import { LRUCache } from "lru-cache";
import type { CallEnd } from "./call-end.ts";
import {
  afterAnswer,
  afterFailure,
  afterNoCall,
  type Caller,
  type Circuit,
  type CircuitDecision,
  CLEAN,
  circuitOf,
  decidePass,
  isClean,
} from "./circuit.ts";
import type { Clock, Limits } from "./ports.ts";

export interface CircuitsProps {
  readonly limits: Limits;
  readonly clock: Clock;
  /** How old what this process knows of a circuit may be when a call passes by it, in ms. @default 0 */
  readonly cacheMs?: number;
}

/** Tries to change a record that others change at the same time. */
const MAX_TRIES = 4;
/** Providers that one process remembers: an input may name any model. */
const MAX_KNOWN = 1_000;
/** How soon to come again where everybody came at once. */
const CROWDED_MS = 1_000;

interface Known {
  readonly circuit: Circuit;
  readonly version: number;
  readonly readMs: number;
}

/** The circuits that all processes share, as this one knows them. A call that finds nothing wrong writes nothing. */
export class Circuits {
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #cacheMs: number;
  readonly #known = new LRUCache<string, Known>({ max: MAX_KNOWN });
  readonly #reads = new Map<string, Promise<Known>>();

  constructor({ limits, clock, cacheMs = 0 }: CircuitsProps) {
    this.#limits = limits;
    this.#clock = clock;
    this.#cacheMs = cacheMs;
  }

  /** Whether this process knows of no trouble. */
  isClean(name: string): boolean {
    const known = this.#known.peek(name);
    return known === undefined || isClean(known.circuit, this.#clock.now());
  }

  /** Lets a call pass, as the probe or not, or says when to come again. Of many who come to an open circuit one probes. */
  async pass(name: string, caller: Omit<Caller, "nowMs">): Promise<Exclude<CircuitDecision, { kind: "probe" }>> {
    for (let tries = 0; ; tries++) {
      const known = tries === 0 ? await this.#recent(name) : await this.#read(name);
      const nowMs = this.#clock.now();
      const decision = decidePass(known.circuit, { ...caller, nowMs });
      if (decision.kind !== "probe") return decision;
      if (await this.#change(name, decision.next, known.version)) return { kind: "pass" };
      if (tries >= MAX_TRIES) return { kind: "wait", fromMs: nowMs, spreadMs: CROWDED_MS };
    }
  }

  /** Tells the circuit how a call went that passed. */
  async report(name: string, id: string, end: CallEnd, retryAfterMs?: number): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      // A failure counts with those of all processes; an answer has nothing to say where this one knows of no trouble.
      const known = tries === 0 && end !== "provider-failed" ? this.#known.get(name) : await this.#read(name);
      if (known === undefined) return;
      const next = after(known.circuit, end, { id, nowMs: this.#clock.now(), retryAfterMs });
      if (next === undefined || (await this.#change(name, next, known.version))) return;
    }
    // Others have changed it each time: what they had to say has been heard.
  }

  /** All circuits that were ever in trouble and are kept, and those that this process knows. */
  async all(): Promise<ReadonlyMap<string, Circuit>> {
    const stored = await this.#limits.circuits();
    const known = [...this.#known.keys()].map((name) => [name, CLEAN] as const);
    return new Map([...known, ...stored.map(({ key, record }) => [key, circuitOf(record)] as const)]);
  }

  /** Those who ask at once share one read. */
  async #recent(name: string): Promise<Known> {
    const known = this.#known.get(name);
    if (known !== undefined && this.#clock.now() - known.readMs < this.#cacheMs) return known;
    const reading = this.#reads.get(name) ?? this.#read(name).finally(() => this.#reads.delete(name));
    this.#reads.set(name, reading);
    return reading;
  }

  async #read(name: string): Promise<Known> {
    const before = this.#known.peek(name);
    const stored = await this.#limits.circuit(name);
    const read = this.#knownOf(stored ? circuitOf(stored.record) : CLEAN, stored?.version ?? 0);
    const now = this.#known.peek(name);
    // What was changed here meanwhile is newer than what the read may tell.
    if (now === before || read.version >= (now?.version ?? 0)) this.#known.set(name, read);
    return read;
  }

  async #change(name: string, next: Circuit, version: number): Promise<boolean> {
    const changed = await this.#limits.changeCircuit(name, JSON.stringify(next), version);
    if (changed) this.#known.set(name, this.#knownOf(next, version + 1));
    return changed;
  }

  #knownOf(circuit: Circuit, version: number): Known {
    return { circuit, version, readMs: this.#clock.now() };
  }
}

function after(
  circuit: Circuit,
  end: CallEnd,
  report: { readonly id: string; readonly nowMs: number; readonly retryAfterMs: number | undefined },
): Circuit | undefined {
  switch (end) {
    case "answered":
      return afterAnswer(circuit, report);
    case "provider-failed":
      return afterFailure(circuit, report);
    case "cut-off":
    case "not-called":
      return afterNoCall(circuit, report);
  }
}
