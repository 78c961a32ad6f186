import { expect, test } from "vitest";
import type { JobId } from "../../../src/contract/ids.ts";
import { PolledChanges } from "../../../src/engines/aws/polled-changes.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const JOB = "job_a" as JobId;

/** Looks whenever it is time to, until it is told that the time is up, with nothing ever found. Returns when, in ms. */
async function looks(withinMs: number): Promise<number[]> {
  const clock = new VirtualClock();
  const begunMs = clock.now();
  const following = new PolledChanges(clock).follow(JOB);
  const at: number[] = [];
  for (;;) {
    const asked = following.next(1, Math.max(0, withinMs - (clock.now() - begunMs)));
    await clock.skip();
    if (!(await asked)) return at;
    at.push(clock.now() - begunMs);
  }
}

test("the waits between two looks grow, and the last look is when the time is up", async () => {
  expect(await looks(1_000)).toEqual([250, 625, 1_000]);
  expect((await looks(15_000)).at(-1)).toBe(15_000);
  expect(await looks(0)).toEqual([]);
});

test("a reader who is gone is not told to look", async () => {
  const clock = new VirtualClock();
  const reader = new AbortController();
  const asked = new PolledChanges(clock).follow(JOB).next(1, 1_000, reader.signal);
  reader.abort();
  expect(await asked).toBe(false);
});
