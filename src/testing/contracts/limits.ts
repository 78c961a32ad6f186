import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Limits, Reservable } from "../../core/ports.ts";

export interface LimitsUnderTest {
  readonly limits: Limits;
  close(): Promise<void>;
}

export interface LimitsSuiteOptions {
  /** Random runs of a property. A server is slower than memory. @default 100 */
  readonly runs?: number;
}

const T0 = Date.UTC(2030, 0, 1);
const ask = (fields: Partial<Reservable> = {}): Reservable => ({
  costMs: 1_000,
  burstMs: 10_000,
  nowMs: T0,
  ...fields,
});
const newKey = (): string => `test:${randomUUID()}`;

/** What every {@link Limits} does. Time arrives as data, so nothing waits. */
export function testLimits(
  name: string,
  factory: () => Promise<LimitsUnderTest>,
  { runs = 100 }: LimitsSuiteOptions = {},
): void {
  const test = (behaviour: string, body: (limits: Limits, key: string) => Promise<void>): void =>
    it(behaviour, async () => {
      const port = await factory();
      try {
        await body(port.limits, newKey());
      } finally {
        await port.close();
      }
    });

  describe(`limits, buckets: ${name}`, () => {
    test("grants a burst at once, then by the rate", async (limits, key) => {
      for (let n = 0; n < 10; n++) expect(await limits.reserve(key, ask())).toMatchObject({ granted: true });
      expect(await limits.reserve(key, ask())).toEqual({ granted: false, retryAtMs: T0 + 1_000 });
      expect(await limits.reserve(key, ask({ nowMs: T0 + 999 }))).toEqual({ granted: false, retryAtMs: T0 + 1_000 });
      expect(await limits.reserve(key, ask({ nowMs: T0 + 1_000 }))).toMatchObject({ granted: true });
      expect(await limits.reserve(key, ask({ nowMs: T0 + 1_000 }))).toMatchObject({ granted: false });
    });

    test("takes nothing when it refuses, and says when a smaller cost would pass", async (limits, key) => {
      expect(await limits.reserve(key, ask({ costMs: 8_000 }))).toMatchObject({ granted: true });
      expect(await limits.reserve(key, ask({ costMs: 5_000 }))).toEqual({ granted: false, retryAtMs: T0 + 3_000 });
      expect(await limits.reserve(key, ask({ costMs: 2_000 }))).toMatchObject({ granted: true });
    });

    test("says how much of it is used", async (limits, key) => {
      expect(await limits.reserve(key, ask())).toEqual({ granted: true, usedMs: 1_000 });
      expect(await limits.reserve(key, ask({ costMs: 2_500 }))).toEqual({ granted: true, usedMs: 3_500 });
      const nowMs = T0 + 60_000;
      expect(await limits.reserve(key, ask({ nowMs }))).toEqual({ granted: true, usedMs: 1_000 });
    });

    test("holds no more than its burst, however long nobody takes from it", async (limits, key) => {
      expect(await limits.reserve(key, ask())).toMatchObject({ granted: true });
      const nowMs = T0 + 3_600_000;
      for (let n = 0; n < 10; n++) expect(await limits.reserve(key, ask({ nowMs }))).toMatchObject({ granted: true });
      expect(await limits.reserve(key, ask({ nowMs }))).toMatchObject({ granted: false });
    });

    test("grants a cost above the burst once the bucket is full, and lets it be paid off", async (limits, key) => {
      expect(await limits.reserve(key, ask())).toMatchObject({ granted: true });
      const large = { costMs: 60_000 };
      expect(await limits.reserve(key, ask(large))).toEqual({ granted: false, retryAtMs: T0 + 1_000 });
      const nowMs = T0 + 1_000;
      expect(await limits.reserve(key, ask({ ...large, nowMs }))).toMatchObject({ granted: true });
      expect(await limits.reserve(key, ask({ nowMs }))).toEqual({ granted: false, retryAtMs: T0 + 52_000 });
      expect(await limits.reserve(key, ask({ ...large, nowMs }))).toEqual({ granted: false, retryAtMs: T0 + 61_000 });
      expect(await limits.reserve(key, ask({ nowMs: T0 + 52_000 }))).toMatchObject({ granted: true });
    });

    test("goes into debt for one who may take more than the others, and these wait until it is paid", async (limits, key) => {
      for (let n = 0; n < 10; n++) await limits.reserve(key, ask());
      const credit = { costMs: 8_000, burstMs: 18_000 };
      expect(await limits.reserve(key, ask(credit))).toEqual({ granted: true, usedMs: 18_000 });
      expect(await limits.reserve(key, ask({ ...credit, costMs: 1, burstMs: 10_001 }))).toEqual({
        granted: false,
        retryAtMs: T0 + 8_000,
      });
      expect(await limits.reserve(key, ask({ nowMs: T0 + 8_999 }))).toEqual({
        granted: false,
        retryAtMs: T0 + 9_000,
      });
      expect(await limits.reserve(key, ask({ nowMs: T0 + 9_000 }))).toMatchObject({ granted: true });
    });

    test("keeps buckets apart", async (limits, key) => {
      expect(await limits.reserve(key, ask({ costMs: 10_000 }))).toMatchObject({ granted: true });
      expect(await limits.reserve(newKey(), ask({ costMs: 10_000 }))).toMatchObject({ granted: true });
      expect(await limits.reserve(`${key}#`, ask({ costMs: 10_000 }))).toMatchObject({ granted: true });
    });

    test("counts fractions of a millisecond", async (limits, key) => {
      const small = { costMs: 0.125, burstMs: 1 };
      for (let n = 0; n < 8; n++) expect(await limits.reserve(key, ask(small))).toMatchObject({ granted: true });
      expect(await limits.reserve(key, ask(small))).toMatchObject({ granted: false });
    });

    test("grants those who ask at once what it has and not one more", async (limits, key) => {
      const all = await Promise.all(Array.from({ length: 25 }, () => limits.reserve(key, ask())));
      expect(all.filter(({ granted }) => granted)).toHaveLength(10);
      const later = await Promise.all(
        Array.from({ length: 25 }, () => limits.reserve(key, ask({ nowMs: T0 + 4_000 }))),
      );
      expect(later.filter(({ granted }) => granted)).toHaveLength(4);
    });

    test("is given back what was not used, and taken from what was used besides", async (limits, key) => {
      await limits.reserve(key, ask({ costMs: 10_000 }));
      await limits.settle(key, -3_000);
      expect(await limits.reserve(key, ask({ costMs: 4_000 }))).toEqual({ granted: false, retryAtMs: T0 + 1_000 });
      expect(await limits.reserve(key, ask({ costMs: 3_000 }))).toMatchObject({ granted: true });
      await limits.settle(key, 5_000);
      expect(await limits.reserve(key, ask())).toEqual({ granted: false, retryAtMs: T0 + 6_000 });
    });

    test("is full at most, whatever is given back", async (limits, key) => {
      await limits.settle(key, -60_000);
      await limits.reserve(key, ask());
      await limits.settle(key, -60_000);
      expect(await limits.reserve(key, ask({ costMs: 10_000 }))).toMatchObject({ granted: true });
      expect(await limits.reserve(key, ask())).toMatchObject({ granted: false });
    });

    test("never grants more in any window than its rate brings in it and the burst", async (limits) => {
      const asks = fc.array(fc.record({ afterMs: fc.nat(4_000), costMs: fc.integer({ min: 1, max: 5_000 }) }), {
        minLength: 5,
        maxLength: 40,
      });
      await fc.assert(
        fc.asyncProperty(asks, async (all) => {
          const key = newKey();
          const granted: { atMs: number; costMs: number }[] = [];
          let nowMs = T0;
          for (const { afterMs, costMs } of all) {
            nowMs += afterMs;
            const answer = await limits.reserve(key, { costMs, burstMs: 5_000, nowMs });
            if (answer.granted) granted.push({ atMs: nowMs, costMs });
            else {
              expect(answer.retryAtMs).toBeGreaterThan(nowMs);
              // Nothing is stuck: at the time that was told it passes, if nobody came before.
              expect(answer.retryAtMs).toBeLessThanOrEqual(nowMs + 5_000);
            }
          }
          for (const [first, { atMs: fromMs }] of granted.entries()) {
            let sum = 0;
            for (const { atMs, costMs } of granted.slice(first)) {
              sum += costMs;
              expect(sum).toBeLessThanOrEqual(atMs - fromMs + 5_000);
            }
          }
        }),
        { numRuns: runs },
      );
    });
  });

  describe(`limits, circuits: ${name}`, () => {
    test("knows none that nobody has changed", async (limits, key) => {
      expect(await limits.circuit(key)).toBeUndefined();
      expect((await limits.circuits()).find((circuit) => circuit.key === key)).toBeUndefined();
    });

    test("changes one of the expected version, and no other", async (limits, key) => {
      expect(await limits.changeCircuit(key, "early", 1)).toBe(false);
      expect(await limits.changeCircuit(key, "one", 0)).toBe(true);
      expect(await limits.circuit(key)).toEqual({ record: "one", version: 1 });
      expect(await limits.changeCircuit(key, "again", 0)).toBe(false);
      expect(await limits.changeCircuit(key, "two", 1)).toBe(true);
      expect(await limits.changeCircuit(key, "stale", 1)).toBe(false);
      expect(await limits.circuit(key)).toEqual({ record: "two", version: 2 });
    });

    test("lists all of them, each with its key", async (limits) => {
      const keys = [newKey(), `${newKey()}#http://127.0.0.1/v1#m`, newKey()];
      for (const key of keys) await limits.changeCircuit(key, `record of ${key}`, 0);
      const listed = (await limits.circuits()).filter(({ key }) => keys.includes(key));
      expect(listed.sort((a, b) => keys.indexOf(a.key) - keys.indexOf(b.key))).toEqual(
        keys.map((key) => ({ key, record: `record of ${key}`, version: 1 })),
      );
    });

    test("lets one of many change it at once", async (limits, key) => {
      for (const version of [0, 1]) {
        const all = await Promise.all(
          Array.from({ length: 20 }, (_, n) => limits.changeCircuit(key, `by ${n}`, version)),
        );
        expect(all.filter(Boolean)).toHaveLength(1);
        expect(await limits.circuit(key)).toEqual({ record: `by ${all.indexOf(true)}`, version: version + 1 });
      }
    });
  });

  describe(`limits, sets: ${name}`, () => {
    const entry = (fields: Partial<{ untilMs: number; most: number; nowMs: number }> = {}) => ({
      untilMs: T0 + 60_000,
      most: 2,
      nowMs: T0,
      ...fields,
    });

    test("has room for so many, and again for one when one has left", async (limits, key) => {
      expect(await limits.enter(key, "a", entry())).toBe(true);
      expect(await limits.enter(key, "b", entry())).toBe(true);
      expect(await limits.enter(key, "c", entry())).toBe(false);
      await limits.leave(key, "a");
      expect(await limits.enter(key, "c", entry())).toBe(true);
      expect(await limits.enter(key, "a", entry())).toBe(false);
    });

    test("is entered twice by one id, also when full, as one entry", async (limits, key) => {
      for (let n = 0; n < 3; n++) expect(await limits.enter(key, "a", entry())).toBe(true);
      expect(await limits.enter(key, "b", entry())).toBe(true);
      expect(await limits.enter(key, "a", entry())).toBe(true);
      await limits.leave(key, "a");
      expect(await limits.enter(key, "c", entry())).toBe(true);
    });

    test("does not count entries that are past their time, and counts renewed ones until the new", async (limits, key) => {
      await limits.enter(key, "a", entry({ untilMs: T0 + 10 }));
      await limits.enter(key, "b", entry({ untilMs: T0 + 10 }));
      await limits.enter(key, "b", entry({ untilMs: T0 + 1_000 }));
      expect(await limits.enter(key, "c", entry({ nowMs: T0 + 9 }))).toBe(false);
      expect(await limits.enter(key, "c", entry({ nowMs: T0 + 10 }))).toBe(true);
      expect(await limits.enter(key, "d", entry({ nowMs: T0 + 10 }))).toBe(false);
      expect(await limits.enter(key, "a", entry({ nowMs: T0 + 10 }))).toBe(false);
      expect(await limits.enter(key, "d", entry({ nowMs: T0 + 1_000 }))).toBe(true);
    });

    test("lets an id that is past its time enter again, if there is room", async (limits, key) => {
      await limits.enter(key, "a", entry({ untilMs: T0 + 10, most: 1 }));
      expect(await limits.enter(key, "a", entry({ nowMs: T0 + 10, most: 1 }))).toBe(true);
      expect(await limits.enter(key, "b", entry({ nowMs: T0 + 10, most: 1 }))).toBe(false);
    });

    test("forgets any number of those who never came to leave", async (limits, key) => {
      for (let n = 0; n < 120; n++) {
        expect(await limits.enter(key, `dead-${n}`, entry({ untilMs: T0 + 10, most: 120 }))).toBe(true);
      }
      expect(await limits.enter(key, "a", entry({ nowMs: T0 + 10 }))).toBe(true);
      expect(await limits.enter(key, "b", entry({ nowMs: T0 + 10 }))).toBe(true);
      expect(await limits.enter(key, "c", entry({ nowMs: T0 + 10 }))).toBe(false);
    });

    test("is left by those who are not in it without harm", async (limits, key) => {
      await limits.leave(key, "a");
      await limits.enter(key, "a", entry({ most: 1 }));
      await limits.leave(key, "b");
      expect(await limits.enter(key, "b", entry({ most: 1 }))).toBe(false);
      await limits.leave(key, "a");
      await limits.leave(key, "a");
      expect(await limits.enter(key, "b", entry({ most: 1 }))).toBe(true);
    });

    test("takes ids of any length and any characters, and keeps sets apart", async (limits, key) => {
      const ids = [".", "a.b[0]", "#id", `job/${"x".repeat(1_000)}`, "漢字 😀"];
      for (const id of ids) expect(await limits.enter(key, id, entry({ most: ids.length }))).toBe(true);
      expect(await limits.enter(key, "more", entry({ most: ids.length }))).toBe(false);
      expect(await limits.enter(`${key}.`, "more", entry({ most: 1 }))).toBe(true);
    });

    test("never lets more in than there is room for, of many who enter at once", async (limits, key) => {
      await limits.enter(key, "dead", entry({ untilMs: T0 + 10, most: 3 }));
      const nowMs = T0 + 10;
      const all = await Promise.all(
        Array.from({ length: 12 }, (_, n) => limits.enter(key, `id-${n}`, entry({ most: 3, nowMs }))),
      );
      expect(all.filter(Boolean)).toHaveLength(3);
    });
  });
}
