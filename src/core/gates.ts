import { LRUCache } from "lru-cache";
import type { Usage } from "../contract/events.ts";
import type { CallEnd } from "./call-end.ts";
import { Circuits } from "./circuits.ts";
import type { App } from "./define-app.ts";
import type { AnyCapability, Provider } from "./define-capability.ts";
import type { Clock, Ids, Limits } from "./ports.ts";
import { creditMs, type Need, needsOf, type Rate, rateOf, settlementMs, tokensOf } from "./rate-limits.ts";

export interface GatesProps {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly ids: Pick<Ids, "commitId" | "random">;
  readonly app: Pick<App, "rates">;
  /** What the app's completions use, see `Resources`. */
  readonly model: string;
  /** How old what this process knows of a circuit may be, in ms. @default 0, for limits in memory */
  readonly circuitCacheMs?: number;
  /** Something could not be given back or reported: it comes right by itself. @default it is kept quiet */
  readonly onError?: (error: unknown) => void;
}

/** A step that asks to be worked on. */
export interface Applicant {
  readonly capability: AnyCapability;
  readonly input: unknown;
  readonly tenant: string;
  readonly jobId: string;
  readonly stepId: string;
  /** Since when the step waits, in epoch ms. */
  readonly requestedAtMs: number;
  /** Another message may stand in a rate's line for it: this one takes no second place. @default false */
  readonly isSpare?: boolean;
}

export type GateReason = "circuit" | "rate" | "tenant";

export type GateDecision =
  | { readonly kind: "admitted"; readonly pass: Pass }
  | { readonly kind: "deferred"; readonly untilMs: number; readonly reason: GateReason };

/** What an admitted step holds until its call is over. */
export interface Pass {
  /**
   * Gives back what is not needed any more and tells the circuit how the call went, see `callEndOf`. Once; never rejects.
   */
  settle(end: CallEnd, usage?: Usage, retryAfterMs?: number): Promise<void>;
}

/** What a provider is limited to and how it does. */
export interface ProviderView extends Rate {
  readonly name: string;
  readonly state: "closed" | "open" | "half-open";
  /** In a row. */
  readonly failures: number;
  /** When the next call probes, in epoch ms. */
  readonly openUntilMs?: number;
}

/** A queue's longest delay. */
const MAX_WAIT_MS = 900_000;
const MIN_WAIT_MS = 100;
/** A tenant's share may have room at any time: who has waited long asks less often. */
const TENANT_WAIT_MS = 1_000;
const MAX_TENANT_WAIT_MS = 60_000;
/** A slot outlasts the lease of a worker that died by so much. */
const SLOT_MARGIN_MS = 30_000;
const MAX_NAME = 200;
const MAX_BUCKETS = 1_000;
/** How much one call changes what is thought of the next ones. */
const LEARNING = 0.2;
const MIN_SHARE = 0.02;
const MAX_SHARE = 2;

const NOTHING_HELD: Pass = { settle: async () => {} };
const OPEN: GateDecision = { kind: "admitted", pass: NOTHING_HELD };

/**
 * What a step has to pass before it is claimed, so that outages and limits cost no attempt (rule 8 of the job protocol):
 * the circuit of its provider, its tenant's share, the provider's requests and tokens a minute. A step that is refused
 * at one has given back what it got at those before.
 *
 * 1. Where a capability names no provider and no `tenantConcurrency`, nothing is asked of anybody. Where it names a provider
 *    without rates, a step costs one read of its circuit, which `circuitCacheMs` spares most steps, and no write.
 * 2. Who is refused comes again when the gate can be open: in the order of its tenant's line where a rate refused it, at random after that
 *    where a circuit or its tenant's share did.
 */
export class Gates {
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #ids: GatesProps["ids"];
  readonly #rates: App["rates"];
  readonly #model: string;
  readonly #circuits: Circuits;
  /** What calls use of what is reserved for them, by bucket: estimates are careful, since they count the longest answer. */
  readonly #usedShare = new LRUCache<string, number>({ max: MAX_BUCKETS });
  readonly #onError: (error: unknown) => void;

  constructor({ limits, clock, ids, app, model, circuitCacheMs = 0, onError = () => {} }: GatesProps) {
    this.#limits = limits;
    this.#clock = clock;
    this.#ids = ids;
    this.#rates = app.rates;
    this.#model = model;
    this.#circuits = new Circuits({ limits, clock, cacheMs: circuitCacheMs });
    this.#onError = onError;
  }

  /** Whether steps of this capability have anything to pass at all. */
  guards({ provider, tenantConcurrency }: AnyCapability): boolean {
    return provider !== undefined || tenantConcurrency !== undefined;
  }

  /** Whether a step would pass without asking anybody, as far as this process knows. Then {@link passAhead} is its pass. */
  isClear(capability: AnyCapability, input: unknown): boolean {
    if (capability.tenantConcurrency !== undefined) return false;
    const provider = this.#providerOf(capability, input);
    if (provider === undefined) return true;
    return rateOf(this.#rates, provider.name) === undefined && this.#circuits.isClean(provider.name);
  }

  /** The pass of a step that was claimed ahead: it holds nothing, and tells the circuit how the call went. */
  passAhead(capability: AnyCapability, input: unknown): Pass {
    const provider = this.#providerOf(capability, input);
    return provider === undefined ? NOTHING_HELD : this.#pass(new Held(this.#ids.commitId(), provider.name));
  }

  /** Rejects where the store of limits fails; nothing is held then. */
  async admit(applicant: Applicant): Promise<GateDecision> {
    const { capability, input } = applicant;
    const provider = this.#providerOf(capability, input);
    if (provider === undefined && capability.tenantConcurrency === undefined) return OPEN;
    const held = new Held(`${applicant.jobId}/${applicant.stepId}/${this.#ids.commitId()}`, provider?.name);
    try {
      const refused = await this.#enter(applicant, provider, held);
      if (refused === undefined) return { kind: "admitted", pass: this.#pass(held) };
      await this.#pass(held).settle("not-called");
      return refused;
    } catch (error) {
      await this.#pass(held).settle("not-called");
      throw error;
    }
  }

  /** Providers with rates, those that were in trouble, and those that this process has called. */
  async view(): Promise<readonly ProviderView[]> {
    const circuits = await this.#circuits.all();
    return [...new Set([...this.#rates.keys(), ...circuits.keys()])].sort().map((name) => {
      const circuit = circuits.get(name);
      return {
        name,
        state: circuit?.state ?? "closed",
        failures: circuit?.failures ?? 0,
        ...(circuit?.state === "open" ? { openUntilMs: circuit.untilMs } : {}),
        ...rateOf(this.#rates, name)?.rate,
      };
    });
  }

  async #enter(
    { capability, tenant, requestedAtMs, isSpare = false }: Applicant,
    provider: Provider | undefined,
    held: Held,
  ): Promise<GateDecision | undefined> {
    const random = this.#ids.random();
    if (provider !== undefined) {
      const caller = { id: held.id, probeMs: capability.leaseMs, random: this.#ids.random() };
      const passed = await this.#circuits.pass(provider.name, caller);
      if (passed.kind === "wait") return this.#deferred("circuit", passed.fromMs + random * passed.spreadMs);
    }
    const nowMs = this.#clock.now();
    if (capability.tenantConcurrency !== undefined) {
      const key = `${capability.name}:${tenant}`;
      held.set = key;
      const untilMs = nowMs + capability.leaseMs + SLOT_MARGIN_MS;
      const entry = { untilMs, most: capability.tenantConcurrency, nowMs };
      if (!(await this.#limits.enter(key, held.id, entry))) {
        held.set = undefined;
        const longerMs = Math.min(Math.max(TENANT_WAIT_MS, (nowMs - requestedAtMs) / 2), MAX_TENANT_WAIT_MS);
        return this.#deferred("tenant", nowMs + TENANT_WAIT_MS + random * longerMs);
      }
    }
    const limited = provider && rateOf(this.#rates, provider.name);
    for (const need of limited ? needsOf(limited.name, limited.rate, provider?.tokens) : []) {
      const burstMs = need.ask.burstMs + creditMs(need.ask, nowMs - requestedAtMs);
      const answer = await this.#limits.reserve(need.key, { ...need.ask, burstMs, nowMs });
      if (!answer.granted) {
        return this.#deferred("rate", isSpare ? nowMs + MAX_WAIT_MS : await this.#turn(need, tenant, answer.retryAtMs));
      }
      held.reserved.push(need);
    }
    return undefined;
  }

  /**
   * When a step that a bucket refused comes again. A tenant's steps that wait stand in a line, which is a bucket too: each
   * takes a place as long as its cost, from the moment on at which there will be something to take. So a tenant's come as
   * fast as the rate could serve them, most once, and as often as another's, however many wait. The line is as long as a
   * queue's delay; who finds no place in it asks again later. A place is no promise: who comes at the right moment passes
   * without one. Nobody comes at the very moment each time, by chance: whoever always came just after another never passed.
   */
  async #turn({ key, ask }: Need, tenant: string, retryAtMs: number): Promise<number> {
    const nowMs = this.#clock.now();
    // Places as long as the estimates would leave most of the rate unused. Those whose cost nobody knows must not all come at once.
    const costMs = Math.max(ask.costMs * (this.#usedShare.get(key) ?? 1), MIN_WAIT_MS);
    const line = { costMs, burstMs: nowMs + MAX_WAIT_MS - retryAtMs, nowMs: retryAtMs };
    const place = line.burstMs > 0 ? await this.#limits.reserve(`${key}/line/${tenant}`, line) : undefined;
    const random = this.#ids.random();
    return place?.granted
      ? retryAtMs + place.usedMs - costMs + random * MIN_WAIT_MS
      : nowMs + MAX_WAIT_MS * (1 - random / 2);
  }

  #deferred(reason: GateReason, atMs: number): GateDecision {
    const nowMs = this.#clock.now();
    return {
      kind: "deferred",
      reason,
      untilMs: Math.ceil(Math.min(Math.max(atMs, nowMs + MIN_WAIT_MS), nowMs + MAX_WAIT_MS)),
    };
  }

  #pass(held: Held): Pass {
    return {
      settle: async (end, usage, retryAfterMs) => {
        const { id, provider, set, reserved } = held.release();
        const parts: Promise<void>[] = [];
        if (provider !== undefined) parts.push(this.#circuits.report(provider, id, end, retryAfterMs));
        if (set !== undefined) parts.push(this.#limits.leave(set, id));
        for (const need of reserved) {
          const used = usedOf(need, end, usage);
          if (end !== "not-called") this.#learn(need, used);
          const deltaMs = settlementMs(need.amount, used, need.perMinute);
          if (deltaMs !== 0) parts.push(this.#limits.settle(need.key, deltaMs));
        }
        for (const part of await Promise.allSettled(parts)) {
          if (part.status === "rejected") this.#onError(part.reason);
        }
      },
    };
  }

  #learn({ key, amount }: Need, used: number): void {
    if (amount <= 0) return;
    const before = this.#usedShare.get(key) ?? 1;
    const share = before + LEARNING * (used / amount - before);
    this.#usedShare.set(key, Math.min(Math.max(share, MIN_SHARE), MAX_SHARE));
  }

  /** What a capability's author says must not keep a step from being worked on. */
  #providerOf({ provider }: AnyCapability, input: unknown): Provider | undefined {
    if (provider === undefined) return undefined;
    try {
      const { name, tokens } = provider(input, { model: this.#model }) ?? {};
      if (name === undefined || name === "") return undefined;
      const counted = Number.isFinite(tokens) ? { tokens: Math.max(0, tokens ?? 0) } : {};
      return { name: name.slice(0, MAX_NAME), ...counted };
    } catch (error) {
      this.#onError(error);
      return undefined;
    }
  }
}

/** What an applicant has got so far. */
class Held {
  readonly id: string;
  readonly provider: string | undefined;
  readonly reserved: Need[] = [];
  /** The set that it is in, or may be in. */
  set: string | undefined;
  #released = false;

  constructor(id: string, provider: string | undefined) {
    this.id = id;
    this.provider = provider;
  }

  /** All of it the first time, then nothing. */
  release(): Pick<Held, "id" | "provider" | "reserved" | "set"> {
    const { id, provider, reserved, set } = this;
    if (this.#released) return { id, provider: undefined, reserved: [], set: undefined };
    this.#released = true;
    return { id, provider, reserved, set };
  }
}

/** What of a bucket a call has used in the end, in its unit. What a failed call used is known to the provider alone. */
function usedOf({ kind, amount }: Need, end: CallEnd, usage: Usage | undefined): number {
  if (end === "not-called") return 0;
  return kind === "tokens" ? (tokensOf(usage) ?? amount) : amount;
}
