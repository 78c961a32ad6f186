import { describe, expect, it } from "vitest";
import { nextLookMs } from "../../../lambdas/reconciler/waits.ts";
import type { EventBody } from "../../../src/contract/events.ts";
import { fold } from "../../../src/core/fold.ts";
import { at, givenUp, logOf, requested, submitted, T0_MS, timerSet } from "../core/fixtures.ts";

const HOUR_MS = 3_600_000;
/** When a job is looked at next, in ms from its begin, by a look so long after it. */
function lookAfter(quietMs: number, deadlineMs: number, ...events: EventBody[]): number {
  const state = fold(logOf([submitted({ deadline: at(deadlineMs) }), ...events]));
  if (state === undefined) throw new Error("no state");
  return nextLookMs(state, T0_MS + quietMs, false, () => false) - T0_MS;
}

describe("the next look at a job", () => {
  it("comes after as long as it has stood still, within a quarter of an hour", () => {
    expect(lookAfter(0, 24 * HOUR_MS, requested("a"))).toBe(60_000);
    expect(lookAfter(300_000, 24 * HOUR_MS, requested("a"))).toBe(600_000);
    expect(lookAfter(HOUR_MS, 24 * HOUR_MS, requested("a"))).toBe(HOUR_MS + 900_000);
  });

  it("of one that only waits for a time comes at that time", () => {
    expect(lookAfter(HOUR_MS, 24 * HOUR_MS, timerSet("nap", 2 * HOUR_MS - 1))).toBe(2 * HOUR_MS - 1);
  });

  it("of one whose time has come comes after as long as that is ago", () => {
    const nap = timerSet("nap", 2 * HOUR_MS);
    expect(lookAfter(2 * HOUR_MS, 24 * HOUR_MS, nap)).toBe(2 * HOUR_MS + 60_000);
    expect(lookAfter(2 * HOUR_MS + 300_000, 24 * HOUR_MS, nap)).toBe(2 * HOUR_MS + 600_000);
  });

  it("of one that waits for a person comes within a quarter of an hour, also while it sleeps", () => {
    const days = 48 * HOUR_MS;
    expect(lookAfter(HOUR_MS, days, ...givenUp("a"))).toBe(HOUR_MS + 900_000);
    expect(lookAfter(HOUR_MS, days, ...givenUp("a"), timerSet("nap", 9 * HOUR_MS))).toBe(HOUR_MS + 900_000);
  });

  it("is never past its deadline, whatever the job waits for", () => {
    const deadlineMs = 1.5 * HOUR_MS;
    expect(lookAfter(HOUR_MS, deadlineMs, timerSet("nap", 9 * HOUR_MS))).toBe(deadlineMs);
    expect(lookAfter(deadlineMs - 1, deadlineMs, ...givenUp("a"))).toBe(deadlineMs);
    expect(lookAfter(deadlineMs - 1, deadlineMs, requested("a"))).toBe(deadlineMs);
  });
});
