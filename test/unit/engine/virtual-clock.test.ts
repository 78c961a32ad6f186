import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { withSeed } from "../../../src/testing/random.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { cpuMs } from "../cpu-ms.ts";

describe("virtual clock", () => {
  it("lets timers go off in order, at their times, also those set meanwhile", async () => {
    await withSeed(async (random) => {
      const clock = new VirtualClock(1_000);
      const rung: number[] = [];
      const set = (depth: number): void => {
        const delayMs = Math.floor(random() * 50);
        const dueMs = clock.now() + delayMs;
        clock.setTimer(delayMs, () => {
          expect(clock.now()).toBe(dueMs);
          rung.push(clock.now());
          if (depth > 0) set(depth - 1);
        });
      };
      for (let n = 0; n < 20; n++) set(3);
      await clock.advance(1_000);
      expect(clock.now()).toBe(2_000);
      expect(rung).toHaveLength(80);
      expect(rung).toEqual([...rung].sort((a, b) => a - b));
    });
  });

  it("lets promises and immediates come to rest between two timers", async () => {
    const clock = new VirtualClock(0);
    const seen: string[] = [];
    const work = async (): Promise<void> => {
      for (let n = 0; n < 50; n++) await turn();
      seen.push("work of the first");
    };
    clock.setTimer(10, () => void work());
    clock.setTimer(10, () => seen.push("second"));
    await clock.advance(10);
    expect(seen).toEqual(["work of the first", "second"]);
  });

  it("forgets a timer that was cancelled, also by an earlier one of the same instant", async () => {
    const clock = new VirtualClock(0);
    const seen: string[] = [];
    let cancel = (): void => {};
    clock.setTimer(5, () => cancel());
    cancel = clock.setTimer(5, () => seen.push("cancelled"));
    await clock.advance(10);
    expect(seen).toEqual([]);
    expect(clock.nextMs).toBeUndefined();
  });

  it("jumps to the next timer, and says when there is none", async () => {
    const clock = new VirtualClock(0);
    const seen: number[] = [];
    clock.setTimer(86_400_000, () => seen.push(clock.now()));
    expect(await clock.skip()).toBe(true);
    expect(seen).toEqual([86_400_000]);
    expect(await clock.skip()).toBe(false);
  });

  it("runs until something is so, or until its limit", async () => {
    const clock = new VirtualClock(0);
    let ticks = 0;
    const tick = (): void => {
      ticks += 1;
      clock.setTimer(100, tick);
    };
    tick();
    expect(await clock.runUntil(() => ticks === 5)).toBe(true);
    expect(clock.now()).toBe(400);
    expect(await clock.runUntil(() => false, 1_000)).toBe(false);
    expect(clock.now()).toBe(1_400);
    expect(await new VirtualClock(0).runUntil(() => false)).toBe(false);
  });

  it("comes to rest for many at a time, none of them taken for the others' work", async () => {
    const begin = cpuMs();
    await Promise.all(Array.from({ length: 100 }, () => settle()));
    // Waiting for each other they would go on for ten thousand turns, which takes seconds.
    expect(cpuMs() - begin).toBeLessThan(500);
  });

  it("can be waited for by several at a time", async () => {
    const clock = new VirtualClock(0);
    const seen: number[] = [];
    for (const atMs of [10, 20, 30]) clock.setTimer(atMs, () => seen.push(atMs));
    await Promise.all([clock.runUntil(() => seen.length === 2), clock.runUntil(() => seen.length === 3)]);
    expect(seen).toEqual([10, 20, 30]);
  });
});
