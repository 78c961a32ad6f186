import { expect, test } from "vitest";
import { SharedCount } from "../../../src/core/shared-count.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

/** One who counts, and whose answers come when they are told to. */
function counter() {
  let there = 0;
  const answers: (() => void)[] = [];
  return {
    add: () => {
      there += 1;
    },
    ask: () => {
      const seen = there;
      return new Promise<number>((resolve) => answers.push(() => resolve(seen)));
    },
    asked: () => answers.length,
    async answer() {
      answers.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test.each([0, 60_000])(
  "an answer from before another's addition takes no place that is gone (fresh for %i ms)",
  async (freshMs) => {
    const counts = new SharedCount(new VirtualClock(), freshMs);
    const { add, ask, answer, asked } = counter();
    const first = counts.take("acme", 1, 2, ask);
    await answer();
    const place = await first;
    if (!place.free) return expect.fail("the first is free");
    // The count that the second gets is from before the first was added, and comes when that is over.
    const second = counts.take("acme", 1, 1, ask);
    add();
    place.settle(true);
    for (let n = 0; n < 3 && asked() > 0; n++) await answer();
    expect(await second).toEqual({ free: false, count: 1 });
  },
);

test("what may have been counted already does not take a place twice", async () => {
  const counts = new SharedCount(new VirtualClock(), 0);
  const { add, ask, answer } = counter();
  const first = counts.take("acme", 1, 3, ask);
  await answer();
  const place = await first;
  if (!place.free) return expect.fail("the first is free");
  add();
  // It is in the next count, and not known to be.
  const second = counts.take("acme", 1, 2, ask);
  place.settle(true);
  await answer();
  await answer();
  expect(await second).toMatchObject({ free: true });
});

test("what has come to nothing leaves its place", async () => {
  const counts = new SharedCount(new VirtualClock(), 60_000);
  const none = async () => 0;
  for (let n = 0; n < 5; n++) {
    const place = await counts.take("acme", 1, 1, none);
    if (!place.free) return expect.fail(`the ${n}th found ${place.count}`);
    expect((await counts.take("acme", 1, 1, none)).free).toBe(false);
    place.settle(false);
  }
});

test("those who come before an answer is there share it, and each knows what the others add", async () => {
  const counts = new SharedCount(new VirtualClock(), 0);
  const { ask, answer, asked } = counter();
  const places = Promise.all([1, 2, 3].map(() => counts.take("acme", 1, 2, ask)));
  expect(asked()).toBe(1);
  await answer();
  expect((await places).map(({ free }) => free)).toEqual([true, true, false]);
});
