import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fold } from "../../../src/core/fold.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/core/snapshot.ts";
import { nextTimeMs, pendingTimers } from "../../../src/core/state.ts";
import { seededRandom } from "../../../src/testing/random.ts";
import { logOf, stateOf, submitted, T0_MS, timerFired, timerSet } from "./fixtures.ts";
import { randomLog } from "./random-log.ts";

describe("a snapshot", () => {
  it("goes on to the same job as the whole log does, for random logs cut anywhere", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(40), (seed, length) => {
        const commits = randomLog(seededRandom(seed), length);
        const whole = fold(commits);
        for (let cut = 1; cut <= commits.length; cut++) {
          const head = fold(structuredClone(commits.slice(0, cut)));
          if (head === undefined) throw new Error("unreachable");
          const restored = decodeSnapshot(encodeSnapshot(head));
          expect(restored).toEqual(head);
          expect(fold(structuredClone(commits.slice(cut)), restored)).toEqual(whole);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("holds values that nobody may change", () => {
    const state = fold(randomLog(seededRandom(1), 30));
    const restored = state && decodeSnapshot(encodeSnapshot(state));
    for (const step of restored?.steps.values() ?? []) {
      if (typeof step.input === "object") expect(Object.isFrozen(step.input)).toBe(true);
    }
    expect(restored?.steps.size).toBeGreaterThan(0);
  });

  it("keeps what the job waits for by itself: its timers, in the order in which they were set, and which are over", () => {
    const state = stateOf(timerSet("long", 60_000), timerSet("short", 1_000), timerSet("over", 1), timerFired("over"));
    const restored = decodeSnapshot(encodeSnapshot(state));
    if (restored === undefined) throw new Error("unreachable");
    expect([...restored.timers]).toEqual([...state.timers]);
    expect(pendingTimers(restored).map(({ fireAtMs }) => fireAtMs - T0_MS)).toEqual([1_000, 60_000]);
    expect(nextTimeMs(restored)).toBe(T0_MS + 1_000);
    const [asleep, awake] = logOf([submitted(), timerSet("nap", 5)], [timerFired("nap")]).map((commit) => [commit]);
    const before = fold(asleep ?? []);
    const woken = fold(awake ?? [], before && decodeSnapshot(encodeSnapshot(before)));
    expect(woken?.timers.get("nap")?.firedSeq).toBe(3);
  });

  it("of another version is none", () => {
    const state = fold(randomLog(seededRandom(1), 3));
    if (state === undefined) throw new Error("unreachable");
    const text = encodeSnapshot(state).replace('"version":5', '"version":0');
    expect(decodeSnapshot(text)).toBeUndefined();
  });
});
