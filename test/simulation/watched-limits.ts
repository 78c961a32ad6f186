import { type Circuit, CLEAN, circuitOf } from "../../src/core/circuit.ts";
import type { Entry, Limits, Reservable, Reserved, StoredCircuit } from "../../src/core/ports.ts";
import { MemoryLimits } from "../../src/engines/embedded/memory-limits.ts";
import { CallWindow } from "./call-window.ts";
import { GATED, RATE, RATED } from "./gated.ts";
import type { ProviderCall } from "./ledger.ts";
import type { World } from "./world.ts";

/** One outage as its circuit has seen it, until it closes again. */
interface Opening {
  readonly sinceMs: number;
  /** The calls that were let through to see whether the provider is well. */
  readonly probes: Set<string>;
  circuit: Circuit;
}

/**
 * For so long after a circuit has opened calls may begin that were let through before: a process may use what it has read
 * for two seconds, and then it claims.
 */
const LET_THROUGH_MS = 3_000;

/** The limits that some processes share: at each change and each call they are compared with what they should be. */
export class WatchedLimits implements Limits {
  /** Who is at work, as `set id`. */
  readonly places = new Set<string>();
  readonly openings = new Map<string, Opening>();
  readonly #world: World;
  readonly #store = new MemoryLimits();
  readonly #requests = new CallWindow(RATE.requestsPerMinute);
  readonly #tokens = new CallWindow(RATE.tokensPerMinute);

  constructor(world: World) {
    this.#world = world;
  }

  async reserve(key: string, ask: Reservable): Promise<Reserved> {
    const reserved = await this.#store.reserve(key, ask);
    this.#world.trace("limits", () => `${key}: ${JSON.stringify(reserved)}`);
    return reserved;
  }

  settle(key: string, deltaMs: number): Promise<void> {
    return this.#store.settle(key, deltaMs);
  }

  circuit(key: string): Promise<StoredCircuit | undefined> {
    return this.#store.circuit(key);
  }

  circuits(): Promise<readonly (StoredCircuit & { readonly key: string })[]> {
    return this.#store.circuits();
  }

  async changeCircuit(key: string, record: string, expectedVersion: number): Promise<boolean> {
    const changed = await this.#store.changeCircuit(key, record, expectedVersion);
    if (changed) this.#changed(key, circuitOf(record));
    return changed;
  }

  async enter(key: string, id: string, entry: Entry): Promise<boolean> {
    const entered = await this.#store.enter(key, id, entry);
    if (entered) this.places.add(`${key} ${id}`);
    return entered;
  }

  leave(key: string, id: string): Promise<void> {
    this.places.delete(`${key} ${id}`);
    return this.#store.leave(key, id);
  }

  /** A call begins, of a process that has these limits. */
  called(call: ProviderCall): void {
    if (!this.#world.plan.limited) return;
    const { provider, tokens, tenantConcurrency } = GATED[call.capability] ?? {};
    if (tenantConcurrency !== undefined) this.#checkShare(call, tenantConcurrency);
    // Where calls of ports take long, what was let through in time may begin at any time.
    const { originalFaults } = this.#world;
    if (provider === undefined || originalFaults.slow > 0) return;
    this.#checkCircuit(call, provider);
    if (tokens !== undefined) this.#checkRate(call, tokens);
  }

  /** One probe at a time, until its lease is over by the clock of whoever takes its place. */
  #changed(key: string, circuit: Circuit): void {
    const { scheduler, originalFaults, plan } = this.#world;
    const opening = this.openings.get(key);
    const before = opening?.circuit ?? CLEAN;
    if (circuit.state === "closed") {
      this.openings.delete(key);
      return;
    }
    const { probes, sinceMs } = opening ?? { probes: new Set<string>(), sinceMs: scheduler.nowMs };
    this.openings.set(key, { circuit, probes, sinceMs });
    if (circuit.state !== "half-open") return;
    const skewMs = plan.embedded ? 0 : 2 * originalFaults.skewMs;
    if (before.state === "half-open" && scheduler.nowMs < before.probe.untilMs - skewMs) {
      this.#world.broke("circuit", `${key}: ${circuit.probe.id} probes while ${before.probe.id} does`);
    }
    probes.add(circuit.probe.id);
  }

  /** While a circuit is not closed nobody calls but who probes (rule 8). */
  #checkCircuit({ jobId, stepId }: ProviderCall, provider: string): void {
    const opening = this.openings.get(provider);
    if (opening === undefined || this.#world.scheduler.nowMs <= opening.sinceMs + LET_THROUGH_MS) return;
    if ([...opening.probes].some((id) => id.startsWith(`${jobId}/${stepId}/`))) return;
    this.#world.broke(
      "circuit",
      `${provider} is called by ${stepId}, which does not probe, and its circuit is not closed`,
    );
  }

  #checkShare({ capability, tenant }: ProviderCall, most: number): void {
    const running = this.#world.ledger.calls.filter(
      (call) => call.end === "running" && call.capability === capability && call.tenant === tenant,
    );
    if (running.length > most)
      this.#world.broke("share", `${running.length} calls of ${capability} for ${tenant} at once`);
  }

  #checkRate({ stepId }: ProviderCall, tokens: number): void {
    const { scheduler, originalFaults, plan } = this.#world;
    // A clock that is ahead sees more of the rate than there is, as often as one that is behind has taken from it.
    const slackMs = LET_THROUGH_MS + (plan.embedded ? 0 : 2 * originalFaults.skewMs);
    for (const [what, window, amount] of [
      ["requests", this.#requests, 1],
      ["tokens", this.#tokens, tokens / 2],
    ] as const) {
      const excessMs = window.add(amount, scheduler.nowMs) - slackMs;
      if (excessMs > 0) this.#world.broke("rate", `${stepId} takes ${RATED}'s ${what} ${excessMs} ms above its rate`);
    }
  }
}
