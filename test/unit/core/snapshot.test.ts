import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fold } from "../../../src/core/fold.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/core/snapshot.ts";
import { seededRandom } from "../../../src/testing/random.ts";
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

  it("of another version is none", () => {
    const state = fold(randomLog(seededRandom(1), 3));
    if (state === undefined) throw new Error("unreachable");
    const text = encodeSnapshot(state).replace('"version":2', '"version":0');
    expect(decodeSnapshot(text)).toBeUndefined();
  });
});
