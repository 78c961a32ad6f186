import { describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/contract/events.ts";
import { type Advance, advance } from "../../../src/core/advance.ts";
import type { App } from "../../../src/core/define-app.ts";
import type { Job } from "../../../src/core/define-workflow.ts";
import { Pass } from "../../../src/core/pass.ts";
import { appOf, completed, done, echo, requested, started, stateOf, T0_MS, timerFired, timerSet } from "./fixtures.ts";

/** A pass over the log of these events, so many ms after the job began. */
const runAt = (app: App, ms: number, ...events: readonly EventBody[]): Promise<Advance> =>
  advance(stateOf(...events), app, { nowMs: T0_MS + ms, random: () => 0.5 });
const eventsOf = (outcome: Advance): readonly EventBody[] => {
  if (outcome.kind === "broken") throw outcome.error;
  return outcome.events;
};
const end = (output: unknown): EventBody => ({ type: "job.completed", output }) as EventBody;

describe("a workflow that sleeps", () => {
  const nap = appOf(async (job) => {
    await job.sleep("nap", 1_000);
    return job.step("a", echo, 1);
  });

  it("has its wait set down once, from the time at which it first asked", async () => {
    expect(await runAt(nap, 500)).toEqual({ kind: "waits", events: [timerSet("nap", 1_500)] });
    expect(await runAt(nap, 1_499, timerSet("nap", 1_500))).toEqual({ kind: "waits", events: [] });
  });

  it("goes on at its time, to the millisecond, and says so before it asks for more", async () => {
    const events = eventsOf(await runAt(nap, 1_500, timerSet("nap", 1_500)));
    expect(events).toEqual([timerFired("nap"), requested("a", { input: 1 })]);
  });

  it("goes on by the log once that says that the time has come, whatever the clock says", async () => {
    const fired = [timerSet("nap", 1_500), timerFired("nap")];
    expect(eventsOf(await runAt(nap, 0, ...fired))).toEqual([requested("a", { input: 1 })]);
    expect(eventsOf(await runAt(nap, 0, ...fired, ...done("a", "A", { input: 1 })))).toEqual([end("A")]);
  });

  it("keeps to the recorded time where its code asks for another today", async () => {
    const longer = appOf((job) => job.sleep("nap", 99_000));
    expect(eventsOf(await runAt(longer, 1_500, timerSet("nap", 1_500)))).toEqual([timerFired("nap"), end(undefined)]);
  });

  it("until a date waits for that date, and not at all for one that is over", async () => {
    const until = (ms: number) => appOf((job) => job.sleep("nap", new Date(T0_MS + ms)));
    expect(eventsOf(await runAt(until(5_000), 10))).toEqual([timerSet("nap", 5_000)]);
    expect(eventsOf(await runAt(until(-5_000), 10))).toEqual([timerSet("nap", -5_000)]);
    expect(eventsOf(await runAt(until(-5_000), 10, timerSet("nap", -5_000)))).toEqual([
      timerFired("nap"),
      end(undefined),
    ]);
  });

  it("for no time still has the wait on record", async () => {
    const none = appOf((job) => job.sleep("nap", 0));
    expect(eventsOf(await runAt(none, 10))).toEqual([timerSet("nap", 10)]);
  });

  it("may await one wait in two places", () => {
    const pass = new Pass(stateOf(), nap, { nowMs: T0_MS, random: () => 0 });
    expect(pass.sleep("nap", 5)).toBe(pass.sleep("nap", 7));
    expect(pass.events).toEqual([timerSet("nap", 5)]);
    expect(pass.waiting).toBe(1);
  });

  it("waits for several at once, and gives each its own id: a step's may be the same", async () => {
    const app = appOf(async (job) => {
      await Promise.all([job.sleep("x", 1_000), job.sleep("y", 2_000), job.step("x", echo, 1)]);
      return "rested";
    });
    const log = [timerSet("x", 1_000), timerSet("y", 2_000), requested("x", { input: 1 })];
    expect(eventsOf(await runAt(app, 0))).toEqual(log);
    expect(await runAt(app, 1_000, ...log)).toEqual({ kind: "waits", events: [timerFired("x")] });
    const late = await runAt(app, 9_000, ...log, started("x"), completed("x", 1));
    expect(eventsOf(late)).toEqual([timerFired("x"), timerFired("y"), end("rested")]);
  });
});

describe("a race between a wait and a step", () => {
  const race = appOf(async (job) => {
    const winner = await Promise.race([
      job.step("slow", echo, 1).then(() => "step"),
      job.sleep("nap", 1_000).then(() => "nap"),
    ]);
    return job.step(`after the ${winner}`, echo, 1);
  });
  const begun = [requested("slow", { input: 1 }), timerSet("nap", 1_000), started("slow")];
  const asked = (winner: string): EventBody => requested(`after the ${winner}`, { input: 1 });

  it("is won by whichever came first, in every pass after that", async () => {
    expect(eventsOf(await runAt(race, 1_000, ...begun))).toEqual([timerFired("nap"), asked("nap")]);
    const napFirst = [...begun, timerFired("nap"), asked("nap"), completed("slow")];
    expect(await runAt(race, 9_000, ...napFirst)).toEqual({ kind: "waits", events: [] });
    const stepFirst = [...begun, completed("slow"), asked("step")];
    expect(eventsOf(await runAt(race, 9_000, ...stepFirst))).toEqual([timerFired("nap")]);
    expect(await runAt(race, 9_000, ...stepFirst, timerFired("nap"))).toEqual({ kind: "waits", events: [] });
  });

  it("is won by the step where its answer was on record before anybody saw that the time had come", async () => {
    expect(eventsOf(await runAt(race, 5_000, ...begun, completed("slow")))).toEqual([timerFired("nap"), asked("step")]);
    const later = [...begun, completed("slow"), timerFired("nap"), asked("step")];
    expect(await runAt(race, 9_000, ...later)).toEqual({ kind: "waits", events: [] });
  });

  it("is won by the same one where a step before it was answered alone", async () => {
    const after = appOf(async (job) => {
      await job.step("first", echo, 0);
      return Promise.race([job.step("slow", echo, 1).then(() => "step"), job.sleep("nap", 1_000).then(() => "nap")]);
    });
    const log = [...done("first", 0, { input: 0 }), ...begun];
    expect(eventsOf(await runAt(after, 9_000, ...log, timerFired("nap"), completed("slow")))).toEqual([end("nap")]);
    expect(eventsOf(await runAt(after, 9_000, ...log, completed("slow"), timerFired("nap")))).toEqual([end("step")]);
  });

  it("of two waits that are over together is won by the one asked for first, in every pass", async () => {
    const two = appOf(async (job) => {
      const winner = await Promise.race(["late", "early"].map((id, n) => job.sleep(id, 1_000 - n).then(() => id)));
      return job.step(`after the ${winner} one`, echo, 1);
    });
    const set = [timerSet("late", 1_000), timerSet("early", 999)];
    const first = eventsOf(await runAt(two, 5_000, ...set));
    expect(first).toEqual([timerFired("late"), timerFired("early"), requested("after the late one", { input: 1 })]);
    expect(await runAt(two, 5_000, ...set, ...first)).toEqual({ kind: "waits", events: [] });
  });
});

describe("a wait that is asked for wrongly", () => {
  const asking = (id: unknown, until: unknown) =>
    appOf(async (job: Job) => {
      // Whatever the author catches: a broken rule is no error of the workflow's.
      await Promise.resolve()
        .then(() => job.sleep(id as string, until as number))
        .catch(() => "hidden");
      return "done";
    });

  it.each<[string, unknown, string]>([
    ["a negative time", -1, "got -1"],
    ["no number", Number.NaN, "got NaN"],
    ["a time without end", Number.POSITIVE_INFINITY, "got Infinity"],
    ["a time beyond all dates", 8.64e15, "got 8640000000000000"],
    ["a date that is none", new Date("tomorrow"), "got an invalid date"],
    ["a date before 1970", new Date(-1), "got an invalid date"],
    ["a text", "1h", "got 1h"],
    ["nothing", undefined, "got undefined"],
    ["null", null, "got null"],
    ["a big number", 5n, "got 5"],
  ])("is told so: %s", async (_, until, got) => {
    const outcome = await runAt(asking("nap", until), 0);
    expect(outcome.kind).toBe("broken");
    if (outcome.kind !== "broken") return;
    expect(outcome.error.message).toBe(`job.sleep("nap", …) takes a number of ms from 0, or a Date; ${got}`);
  });

  it.each(["", "@advance", "x".repeat(201), 7])("refuses the id %j", async (id) => {
    const outcome = await runAt(asking(id, 5), 0);
    expect(outcome.kind === "broken" && outcome.error.message).toMatch(/must be a string of 1 to 200 characters/);
  });

  it("sets nothing down, not even what was asked for rightly before", async () => {
    const pass = new Pass(stateOf(), asking("nap", 1), { nowMs: T0_MS, random: () => 0 });
    void pass.sleep("nap", -1);
    void pass.sleep("other", 5);
    expect(pass.events).toEqual([]);
    expect(pass.waiting).toBe(0);
  });

  it("does not matter to one whose wait is on record", async () => {
    expect(eventsOf(await runAt(asking("nap", Number.NaN), 5, timerSet("nap", 1), timerFired("nap")))).toEqual([
      end("done"),
    ]);
  });
});
