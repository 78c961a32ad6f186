import { z } from "zod";
import { MAX_ASKED_MS } from "./retry.ts";

/**
 * A circuit breaker for one provider and model (martinfowler.com/bliki/CircuitBreaker.html): while the provider is down
 * nobody calls it, so that an outage costs no attempts and no money. Pure; `Circuits` keeps the records.
 *
 * 1. Closed: calls pass. So many failures in a row, or a provider that names a time, open it.
 * 2. Open: nothing passes until its time, which doubles with each probe that fails.
 * 3. Half-open: one call at a time is the probe. One that does not come back in its time is taken for dead, and the next
 *    call probes in its place.
 * 4. Closed again: a growing share of the calls passes, so that a backlog does not knock the provider down again.
 */
export const FAILURES_TO_OPEN = 5;
export const OPEN_MS = 10_000;
export const MAX_OPEN_MS = 300_000;
export const SLOW_START_MS = 30_000;
/** The share that passes at the beginning of a slow start. */
const FIRST_SHARE = 0.1;
/** How much later than the gate those who wait come again, at random, at most. */
const OPEN_SPREAD_MS = 10_000;
const HALF_OPEN_SPREAD_MS = 30_000;

const count = z.number().int().nonnegative();
const instantMs = z.number();

const Closed = z.object({
  state: z.literal("closed"),
  failures: count.describe("In a row"),
  slowStart: z.object({ fromMs: instantMs, untilMs: instantMs, opens: count }).optional(),
});
const Open = z.object({
  state: z.literal("open"),
  failures: count,
  opens: count.describe("In a row, after each of which the circuit is open twice as long"),
  openMs: count.describe("How long it is open this time"),
  untilMs: instantMs,
});
const HalfOpen = Open.extend({
  state: z.literal("half-open"),
  probe: z.object({ id: z.string(), untilMs: instantMs }),
});
const Circuit = z.discriminatedUnion("state", [Closed, Open, HalfOpen]);
export type Circuit = z.infer<typeof Circuit>;
type Open = z.infer<typeof Open>;

export const CLEAN: Circuit = { state: "closed", failures: 0 };

/** A stored circuit. One that this code cannot read counts as clean: it will fail again if there is a reason. */
export function circuitOf(record: string): Circuit {
  try {
    return Circuit.parse(JSON.parse(record));
  } catch {
    return CLEAN;
  }
}

/** Nothing is wrong and nothing was lately: every call passes. */
export const isClean = (circuit: Circuit, nowMs: number): boolean =>
  circuit.state === "closed" && circuit.failures === 0 && !isSlow(circuit, nowMs);

const isSlow = ({ slowStart }: z.infer<typeof Closed>, nowMs: number): boolean =>
  slowStart !== undefined && nowMs < slowStart.untilMs;

/** Who asks. `id` names the call, `probeMs` is its time limit should it be the probe, `random` is from 0 to 1. */
export interface Caller {
  readonly id: string;
  readonly probeMs: number;
  readonly nowMs: number;
  readonly random: number;
}

export type CircuitDecision =
  | { readonly kind: "pass" }
  /** The call is the probe if this record can be written before anybody else's. */
  | { readonly kind: "probe"; readonly next: Circuit }
  /** Come again at a random time from `fromMs` on, `spreadMs` later at the latest. */
  | { readonly kind: "wait"; readonly fromMs: number; readonly spreadMs: number };

export function decidePass(circuit: Circuit, { id, probeMs, nowMs, random }: Caller): CircuitDecision {
  switch (circuit.state) {
    case "closed": {
      const { slowStart } = circuit;
      if (slowStart === undefined || !isSlow(circuit, nowMs)) return { kind: "pass" };
      const { fromMs, untilMs } = slowStart;
      const share = Math.max(FIRST_SHARE, (nowMs - fromMs) / (untilMs - fromMs));
      return random < share ? { kind: "pass" } : { kind: "wait", fromMs: nowMs, spreadMs: untilMs - nowMs };
    }
    case "open":
      if (nowMs < circuit.untilMs) {
        return { kind: "wait", fromMs: circuit.untilMs, spreadMs: Math.min(circuit.openMs, OPEN_SPREAD_MS) };
      }
      return { kind: "probe", next: { ...circuit, state: "half-open", probe: { id, untilMs: nowMs + probeMs } } };
    case "half-open": {
      const { probe } = circuit;
      // Its record was written, and the answer to that was lost.
      if (probe.id === id) return { kind: "pass" };
      if (nowMs < probe.untilMs) {
        return { kind: "wait", fromMs: nowMs, spreadMs: Math.min(3 * circuit.openMs, HALF_OPEN_SPREAD_MS) };
      }
      return { kind: "probe", next: { ...circuit, probe: { id, untilMs: nowMs + probeMs } } };
    }
  }
}

/** How a call went. `id` names it. */
export interface Report {
  readonly id: string;
  readonly nowMs: number;
}

/** The circuit after an answer; undefined: as it was. An answer to a call from before it opened says nothing of now. */
export function afterAnswer(circuit: Circuit, { id, nowMs }: Report): Circuit | undefined {
  switch (circuit.state) {
    case "closed":
      return circuit.failures === 0 ? undefined : { ...circuit, failures: 0 };
    case "open":
      return undefined;
    case "half-open": {
      if (circuit.probe.id !== id) return undefined;
      const slowMs = Math.min(3 * circuit.openMs, SLOW_START_MS);
      return {
        state: "closed",
        failures: 0,
        slowStart: { fromMs: nowMs, untilMs: nowMs + slowMs, opens: circuit.opens },
      };
    }
  }
}

/**
 * The circuit after a failure of the provider; undefined: as it was. Calls that were under way when it opened fail as
 * well, and make it no worse, unless the provider now asks for a longer time.
 */
export function afterFailure(
  circuit: Circuit,
  { id, nowMs, retryAfterMs }: Report & { readonly retryAfterMs?: number | undefined },
): Circuit | undefined {
  const askedMs = Number.isFinite(retryAfterMs) ? Math.min(Math.max(retryAfterMs ?? 0, 0), MAX_ASKED_MS) : 0;
  switch (circuit.state) {
    case "closed": {
      const failures = circuit.failures + 1;
      if (failures >= FAILURES_TO_OPEN) {
        const opens = isSlow(circuit, nowMs) ? (circuit.slowStart?.opens ?? 0) : 0;
        return reopened({ failures, opens, askedMs, nowMs });
      }
      // A provider that answers and now and then asks to wait is no outage that goes on: nothing is carried over from one.
      return askedMs > 0 ? opened({ failures, opens: 0, openMs: askedMs, nowMs }) : { ...circuit, failures };
    }
    case "open":
      return askedMs > 0 && nowMs + askedMs > circuit.untilMs
        ? { ...circuit, openMs: Math.ceil(askedMs), untilMs: nowMs + askedMs }
        : undefined;
    case "half-open": {
      const { opens, failures } = circuit;
      return circuit.probe.id === id ? reopened({ failures: failures + 1, opens, askedMs, nowMs }) : undefined;
    }
  }
}

/** The circuit after its probe was given up without a call; undefined: the call was not the probe. The next call probes. */
export function afterNoCall(circuit: Circuit, { id, nowMs }: Report): Circuit | undefined {
  if (circuit.state !== "half-open" || circuit.probe.id !== id) return undefined;
  const { failures, opens, openMs } = circuit;
  return { state: "open", failures, opens, openMs, untilMs: Math.min(circuit.untilMs, nowMs) };
}

type Opening = Pick<Open, "failures" | "opens"> & { readonly nowMs: number };

const opened = ({ failures, opens, openMs, nowMs }: Opening & { readonly openMs: number }): Circuit => ({
  state: "open",
  failures,
  opens,
  openMs: Math.ceil(openMs),
  untilMs: nowMs + Math.ceil(openMs),
});

const reopened = ({ askedMs, ...opening }: Opening & { readonly askedMs: number }): Circuit =>
  opened({
    ...opening,
    opens: opening.opens + 1,
    openMs: Math.max(askedMs, Math.min(MAX_OPEN_MS, OPEN_MS * 2 ** Math.min(opening.opens, 30))),
  });
