import { expect, test } from "vitest";
import { runSchedule } from "./schedule.ts";

/** A sample of what `npm run simulate` runs by the thousand. */
const SCHEDULES = 400;

test("no schedule breaks an invariant", async () => {
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const { broken } = await runSchedule(seed);
    expect(broken, `npm run simulate -- --seed ${seed} shows it step by step`).toEqual([]);
  }
});

test("a seed gives the same schedule each time, to the byte", async () => {
  for (const seed of [7, 77, 777]) {
    const { trace } = await runSchedule(seed, { traced: true });
    expect(trace.length).toBeGreaterThan(20);
    // Other schedules in between leave nothing behind.
    await runSchedule(seed + 1);
    expect((await runSchedule(seed, { traced: true })).trace).toEqual(trace);
  }
});

test("a schedule goes the same way with and without its trace", async () => {
  const { trace: _, ...traced } = await runSchedule(42, { traced: true });
  expect(await runSchedule(42)).toEqual({ ...traced, trace: [] });
});
