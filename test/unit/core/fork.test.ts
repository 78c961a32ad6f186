import { describe, expect, it } from "vitest";
import { type EventBody, eventsOf } from "../../../src/contract/events.ts";
import { advance } from "../../../src/core/advance.ts";
import { StepFailedError } from "../../../src/core/errors.ts";
import { fold } from "../../../src/core/fold.ts";
import { type Kept, keptBy } from "../../../src/core/fork.ts";
import { brokenInvariants } from "../../../src/testing/check-log.ts";
import { seededRandom } from "../../../src/testing/random.ts";
import {
  appOf,
  at,
  completed,
  discarded,
  done,
  echo,
  failed,
  givenUp,
  logOf,
  redriven,
  requested,
  started,
  submitted,
  T0_MS,
  timerFired,
  timerSet,
} from "./fixtures.ts";
import { randomLog } from "./random-log.ts";

const keptOf = (after: string | undefined, ...events: EventBody[]): Kept | undefined =>
  keptBy(logOf([submitted(), ...events]), after);
const value = (valueId: string, number: number): EventBody => ({ type: "value.recorded", valueId, value: number });
const kept = (stepId: string, result: unknown): EventBody =>
  ({ ...completed(stepId, result, 0), by: "fork" }) as EventBody;

describe("what a fork keeps of a job", () => {
  it("is nothing but where it comes from, without a step", () => {
    expect(keptOf(undefined, ...done("a", 1))).toEqual({ seq: 1, events: [] });
  });

  it("is every result up to the step's, as asked for and in the order in which they came, and none after it", () => {
    const log = [
      requested("a", { input: 1 }),
      requested("b", { input: 2 }),
      started("b"),
      started("a"),
      completed("b", "B"),
      completed("a", "A"),
      ...done("c", "C"),
    ];
    expect(keptOf("a", ...log)).toEqual({
      seq: 7,
      events: [requested("b", { input: 2 }), requested("a", { input: 1 }), kept("b", "B"), kept("a", "A")],
    });
    expect(keptOf("b", ...log)?.events).toEqual([requested("b", { input: 2 }), kept("b", "B")]);
  });

  it("costs nothing again: neither attempts nor what they used are the new job's", () => {
    const paid = { ...completed("a", "A", 2), usage: { costUsd: 1 } } as EventBody;
    const { events = [] } = keptOf("a", requested("a"), started("a"), failed("a"), started("a", 2), paid) ?? {};
    expect(events).toEqual([requested("a"), kept("a", "A")]);
    expect(fold(logOf([submitted(), ...events]))).toMatchObject({ usage: {}, open: 0 });
  });

  it("has the input that a person gave to a step in the place of the first", () => {
    const log = [
      ...givenUp("a", { input: 1 }),
      redriven("a", 1, { input: 2 }),
      started("a", 2),
      completed("a", "A", 2),
    ];
    expect(keptOf("a", ...log)?.events[0]).toEqual(requested("a", { input: 2 }));
    const asIs = [...givenUp("a", { input: 1 }), redriven("a"), started("a", 2), completed("a", "A", 2)];
    expect(keptOf("a", ...asIs)?.events[0]).toEqual(requested("a", { input: 1 }));
  });

  it("has answers that a person gave, and of a fork what that kept", () => {
    const byHand = { ...completed("a", "by hand"), by: "person", reason: "known" } as EventBody;
    expect(keptOf("a", ...givenUp("a"), byHand)?.events).toEqual([requested("a"), kept("a", "by hand")]);
    expect(keptOf("b", requested("a"), kept("a", "A"), ...done("b", "B"))?.events).toEqual([
      requested("a"),
      requested("b"),
      kept("a", "A"),
      kept("b", "B"),
    ]);
  });

  it("has no step that is open, is to be tried again or waits for a person: the new job tries them itself", () => {
    const log = [
      requested("open"),
      ...givenUp("dead"),
      ...givenUp("redriven"),
      redriven("redriven"),
      requested("again"),
      started("again"),
      failed("again", { retryAt: at(5) }),
    ];
    expect(keptOf("a", ...log, ...done("a", "A"))?.events).toEqual([requested("a"), kept("a", "A")]);
  });

  it("has failures that the workflow has seen, as what they were, in their turn among the answers; nothing paid for", () => {
    const error = { name: "TerminalError", message: "no such model" };
    const thrown = { ...failed("thrown", { final: true, error }), usage: { costUsd: 1 } } as EventBody;
    const log = [
      requested("thrown", { input: 1 }),
      ...givenUp("dropped"),
      discarded("dropped", "not worth it"),
      started("thrown"),
      thrown,
      ...done("a", "A"),
      requested("late"),
      started("late"),
      failed("late", { final: true }),
    ];
    const keptDiscard = { ...discarded("dropped", "not worth it", { attempt: 0, by: "fork" }) };
    const cause = { name: "Error", message: "no" };
    const { events = [] } = keptOf("a", ...log) ?? {};
    expect(events).toEqual([
      requested("dropped"),
      requested("thrown", { input: 1 }),
      requested("a"),
      { ...keptDiscard, cause },
      failed("thrown", { attempt: 0, by: "fork", final: true, error }),
      kept("a", "A"),
    ]);
    const state = fold(logOf([submitted(), ...events]));
    expect(state).toMatchObject({ status: "running", open: 0, usage: {} });
    expect(state?.steps.get("thrown")).toMatchObject({ status: "failed", attempt: 0, error, attempts: [] });
    expect(state?.steps.get("dropped")?.error).toEqual({ name: "DiscardedError", message: "not worth it", cause });
    expect(keptBy(logOf([submitted(), ...events]), "a")?.events).toEqual(events);
  });

  it("has recorded values up to there, and waits that were over, in their turn among the answers", () => {
    const log = [
      value("now/begin", 1),
      timerSet("nap", 10),
      timerSet("long", 99_000),
      ...done("a", "A"),
      timerFired("nap"),
      ...done("b", "B"),
      value("now/later", 2),
    ];
    expect(keptOf("b", ...log)?.events).toEqual([
      value("now/begin", 1),
      timerSet("nap", 10),
      requested("a"),
      requested("b"),
      kept("a", "A"),
      timerFired("nap"),
      kept("b", "B"),
    ]);
    expect(keptOf("a", ...log)?.events).toEqual([value("now/begin", 1), requested("a"), kept("a", "A")]);
  });

  it.each<[string, EventBody[]]>([
    ["is not in the log", []],
    ["is open", [requested("a"), started("a")]],
    ["waits for a person", givenUp("a")],
    ["has failed", [requested("a"), started("a"), failed("a", { final: true })]],
  ])("cannot be said after a step that %s", (_, log) => {
    expect(keptOf("a", ...log)).toBeUndefined();
  });

  it("is a log that folds, with the same results, for any step of any log", () => {
    for (let seed = 0; seed < 150; seed++) {
      const commits = randomLog(seededRandom(seed), 40);
      const old = fold(structuredClone(commits));
      if (old === undefined) throw new Error("no state");
      for (const step of old.steps.values()) {
        const taken = keptBy(commits, step.id);
        expect(taken === undefined, `seed ${seed}, ${step.id}`).toBe(step.status !== "completed");
        if (taken === undefined) continue;
        const state = fold(logOf([submitted(), ...taken.events]));
        expect(state).toMatchObject({ status: "running", open: 0, usage: {} });
        const results = [...(state?.steps.values() ?? [])];
        for (const { id, status, error } of results) {
          const was = old.steps.get(id);
          expect([status, error]).toEqual([was?.status, status === "failed" ? was?.error : undefined]);
        }
        const answered = [...old.steps.values()].filter(({ answeredSeq: at }) => at > 0 && at <= taken.seq);
        expect(new Set(results.map(({ id }) => id))).toEqual(new Set(answered.map(({ id }) => id)));
        expect(brokenInvariants(logOf([submitted(), ...taken.events]).flatMap(eventsOf), new Map())).toEqual([]);
        expect(results.map(({ id }) => old?.steps.get(id)?.result)).toEqual(results.map(({ result }) => result));
        expect(results.map(({ input }) => input)).toEqual(results.map(({ id }) => old?.steps.get(id)?.input));
        expect(taken.seq).toBe(step.answeredSeq);
      }
    }
  });
});

describe("a workflow run on what a fork keeps", () => {
  const data = { nowMs: T0_MS + 60_000, random: () => 0.5 };

  it("sees the same one win a race, although both had been answered", async () => {
    const app = appOf(async (job) => {
      const racers = [job.step("slow", echo, 1).then(() => "slow"), job.sleep("nap", 10).then(() => "nap")];
      return job.step(`after ${await Promise.race(racers)}`, echo, 1);
    });
    const begun = [requested("slow", { input: 1 }), timerSet("nap", 10), started("slow")];
    const answers = { nap: timerFired("nap"), slow: completed("slow", 1) };
    for (const [first, second] of [
      ["nap", "slow"],
      ["slow", "nap"],
    ] as const) {
      const after = done(`after ${first}`, "end", { input: 1 });
      const { events = [] } = keptOf(`after ${first}`, ...begun, answers[first], answers[second], ...after) ?? {};
      const state = fold(logOf([submitted(), ...events]));
      if (state === undefined) throw new Error("no state");
      expect(await advance(state, app, data)).toEqual({
        kind: "ended",
        events: [{ type: "job.completed", output: "end" }],
      });
    }
  });

  it("sees again what had failed, and asks for it no more", async () => {
    const app = appOf(async (job) => {
      const first = job
        .step("first", echo, 1)
        .catch((error: unknown) => (error instanceof StepFailedError ? "failed" : "?"));
      return [await first, await job.step("second", echo, 2)];
    });
    const log = [requested("first", { input: 1 }), started("first"), failed("first", { final: true })];
    const { events = [] } = keptOf("second", ...log, ...done("second", 2, { input: 2 })) ?? {};
    const state = fold(logOf([submitted(), ...events]));
    if (state === undefined) throw new Error("no state");
    const end: EventBody = { type: "job.completed", output: ["failed", 2] };
    expect(await advance(state, app, data)).toEqual({ kind: "ended", events: [end] });
  });
});
