import { describe, expect, it } from "vitest";
import type { Clock } from "../../../src/core/ports.ts";
import { Wakeups } from "../../../src/engines/embedded/wakeups.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

function setUp() {
  const clock = new VirtualClock(0);
  const rung: [item: string, atMs: number][] = [];
  const wakeups = new Wakeups<string>(clock, (item) => rung.push([item, clock.now()]));
  return { clock, rung, wakeups };
}

describe("wake-ups", () => {
  it("come at their times, in their order, whatever the order in which they were asked for", async () => {
    const { clock, rung, wakeups } = setUp();
    for (const atMs of [300, 100, 200]) wakeups.at(atMs, `at ${atMs}`);
    await clock.advance(99);
    expect(rung).toEqual([]);
    await clock.advance(1_000);
    expect(rung).toEqual([
      ["at 100", 100],
      ["at 200", 200],
      ["at 300", 300],
    ]);
  });

  it("come at once where their time is past", async () => {
    const { clock, rung, wakeups } = setUp();
    await clock.advance(500);
    wakeups.at(1, "late");
    await clock.advance(0);
    expect(rung).toEqual([["late", 500]]);
  });

  it("may be asked for by a wake-up", async () => {
    const clock = new VirtualClock(0);
    const times: number[] = [];
    const wakeups: Wakeups<number> = new Wakeups<number>(clock, (left) => {
      times.push(clock.now());
      if (left > 0) wakeups.at(clock.now() + 10, left - 1);
    });
    wakeups.at(10, 3);
    await clock.advance(100);
    expect(times).toEqual([10, 20, 30, 40]);
  });

  it("use one timer at a time", () => {
    const open = new Set<number>();
    let made = 0;
    const clock: Clock = {
      now: () => 0,
      setTimer: () => {
        const id = made++;
        open.add(id);
        return () => open.delete(id);
      },
    };
    const wakeups = new Wakeups<number>(clock, () => {});
    for (let n = 100; n > 0; n--) wakeups.at(n, n);
    expect(open.size).toBe(1);
    wakeups.close();
    expect(open.size).toBe(0);
  });

  it("come after all where the timer rang too early", () => {
    let nowMs = 0;
    const timers: (() => void)[] = [];
    const clock: Clock = {
      now: () => nowMs,
      setTimer: (_, callback) => {
        timers.push(callback);
        return () => {};
      },
    };
    const rung: string[] = [];
    new Wakeups<string>(clock, (item) => rung.push(item)).at(1_000, "far");
    nowMs = 999;
    timers.shift()?.();
    expect(rung).toEqual([]);
    nowMs = 1_000;
    timers.shift()?.();
    expect(rung).toEqual(["far"]);
  });

  it("go on after one that throws", () => {
    let nowMs = 0;
    const timers: (() => void)[] = [];
    const clock: Clock = {
      now: () => nowMs,
      setTimer: (_, callback) => {
        timers.push(callback);
        return () => {};
      },
    };
    const rung: string[] = [];
    const wakeups = new Wakeups<string>(clock, (item) => {
      if (item === "bad") throw new Error("bad");
      rung.push(item);
    });
    wakeups.at(10, "bad");
    wakeups.at(10, "good");
    nowMs = 10;
    expect(() => timers.at(-1)?.()).toThrow("bad");
    timers.at(-1)?.();
    expect(rung).toEqual(["good"]);
  });

  it("stay away once closed", async () => {
    const { clock, rung, wakeups } = setUp();
    wakeups.at(10, "never");
    wakeups.close();
    wakeups.at(5, "neither");
    await clock.advance(100);
    expect(rung).toEqual([]);
  });
});
