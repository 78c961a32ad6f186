import { expect, test } from "vitest";
import { MemoryLimits } from "../../../src/engines/embedded/memory-limits.ts";

const T0 = Date.UTC(2030, 0, 1);
const ask = (nowMs: number) => ({ costMs: 1_000, burstMs: 10_000, nowMs });

test("buckets and sets that nobody uses any more are forgotten, those in use are not", async () => {
  const limits = new MemoryLimits();
  for (let n = 0; n < 100; n++) {
    await limits.reserve(`old ${n}`, ask(T0));
    await limits.enter(`old ${n}`, "id", { untilMs: T0 + 1_000, most: 1, nowMs: T0 });
  }
  const nowMs = T0 + 2 * 3_600_000;
  await limits.reserve("new", ask(nowMs));
  await limits.enter("new", "id", { untilMs: nowMs + 1_000, most: 1, nowMs });
  expect(limits.size).toBe(2);
});

test("a look ahead of the clock forgets nothing that still counts", async () => {
  const limits = new MemoryLimits();
  for (let n = 0; n < 10; n++) await limits.reserve("bucket", ask(T0));
  await limits.reserve("line", ask(T0 + 900_000));
  expect(await limits.reserve("bucket", ask(T0))).toMatchObject({ granted: false });
});

test("of circuits those are kept that were changed last", async () => {
  const limits = new MemoryLimits();
  for (let n = 0; n < 1_000; n++) await limits.changeCircuit(`c ${n}`, "record", 0);
  await limits.changeCircuit("c 0", "changed", 1);
  await limits.changeCircuit("one more", "record", 0);
  expect(limits.size).toBe(1_000);
  expect(await limits.circuit("c 0")).toEqual({ record: "changed", version: 2 });
  expect(await limits.circuit("c 1")).toBeUndefined();
});
