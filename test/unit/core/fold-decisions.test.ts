import { describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/contract/events.ts";
import { CorruptLogError } from "../../../src/core/errors.ts";
import { fold } from "../../../src/core/fold.ts";
import { ADVANCE_STEP, isEnded, type StepState } from "../../../src/core/state.ts";
import {
  at,
  completed,
  deadLettered,
  discarded,
  done,
  failed,
  givenUp,
  logOf,
  progress,
  redriven,
  requested,
  started,
  stateOf,
  submitted,
  T0_MS,
  timerFired,
  timerSet,
  workflowGivenUp,
} from "./fixtures.ts";

const stepOf = (events: readonly EventBody[], id = "a"): StepState => {
  const found = stateOf(...events).steps.get(id);
  if (found === undefined) throw new Error(`no step ${id}`);
  return found;
};
const by = (who: "person" | "fork", stepId: string, result: unknown, attempt: number): EventBody =>
  ({ ...completed(stepId, result, attempt), by: who }) as EventBody;
const doubt = (stepId: string, fields: object = {}): EventBody =>
  ({ type: "step.in_doubt", stepId, capability: "echo", attempt: 1, policy: "rerun", ...fields }) as EventBody;
/** In two commits, a second apart. */
const inTurn = (first: readonly EventBody[], second: readonly EventBody[]) => {
  const [before, after] = logOf([submitted(), ...first], second);
  if (!before || !after) throw new Error("unreachable");
  return fold([before, { ...after, time: at(1_000) }]);
};

describe("a dead letter", () => {
  it("of a step keeps it open to the workflow, and the job waits for a person", () => {
    const state = stateOf(...givenUp("a"));
    expect(state).toMatchObject({ status: "dead-lettered", open: 1, seq: 5 });
    expect(state.steps.get("a")).toMatchObject({
      status: "dead-lettered",
      answeredSeq: 0,
      deadLettered: { seq: 5, at: at(0) },
      error: { message: "no" },
      lease: undefined,
    });
  });

  it("of a step that nobody ever took counts it as open once", () => {
    expect(stateOf(requested("a"), deadLettered("a", { attempt: 0 }))).toMatchObject({ open: 1 });
  });

  it("lets the rest of the job go on", () => {
    const state = stateOf(...givenUp("a"), ...done("b", 2));
    expect(state).toMatchObject({ status: "dead-lettered", open: 1 });
    expect(state.steps.get("b")?.status).toBe("completed");
  });
});

describe("a redriven step", () => {
  it("has a fresh budget, attempt numbers that go on, and is asked for as of now", () => {
    const state = inTurn([...givenUp("a", { input: { n: 1 } })], [redriven("a")]);
    expect(state).toMatchObject({ status: "running", open: 1 });
    expect(state?.steps.get("a")).toMatchObject({
      status: "requested",
      attempt: 1,
      failures: 0,
      throttles: 0,
      doubts: 0,
      retryAtMs: undefined,
      deadLettered: undefined,
      input: { n: 1 },
      requestedAt: at(0),
      askedAt: at(1_000),
      answeredSeq: 0,
    });
  });

  it("waits until it may start, where the decision says so", () => {
    expect(stepOf([...givenUp("a"), redriven("a", 1, { notBefore: at(9_000) })])).toMatchObject({
      status: "retrying",
      retryAtMs: T0_MS + 9_000,
    });
  });

  it("has the input that it was given, frozen, and no other request changes", () => {
    const log = [
      ...givenUp("a", { input: 1 }),
      requested("b", { input: 1 }),
      redriven("a", 1, { input: { list: [2] } }),
    ];
    const { steps } = stateOf(...log);
    expect(steps.get("a")?.input).toEqual({ list: [2] });
    expect(Object.isFrozen(steps.get("a")?.input)).toBe(true);
    expect(steps.get("b")?.input).toBe(1);
    expect(steps.get("a")).toMatchObject({ isEdited: true, inputSeq: 7 });
    expect(steps.get("b")).toMatchObject({ isEdited: false, inputSeq: 6 });
  });

  it("forgets how often it failed, was throttled and was in doubt, but not its attempts", () => {
    const log = [
      requested("a"),
      started("a"),
      failed("a", { counts: false, retryAt: at(1) }),
      started("a", 2),
      doubt("a", { attempt: 2 }),
      started("a", 3),
      failed("a", { attempt: 3, final: true }),
      deadLettered("a", { attempt: 3 }),
    ];
    expect(stepOf(log)).toMatchObject({ failures: 1, doubts: 1 });
    const step = stepOf([...log, redriven("a", 3)]);
    expect(step).toMatchObject({ failures: 0, throttles: 0, doubts: 0, attempt: 3 });
    expect(step.attempts.map(({ outcome }) => outcome)).toEqual(["failed", "in-doubt", "failed"]);
  });

  it("leaves the job waiting while another one does", () => {
    const both = [...givenUp("a"), ...givenUp("b")];
    expect(stateOf(...both, redriven("a"))).toMatchObject({ status: "dead-lettered", open: 2 });
    expect(stateOf(...both, redriven("a"), redriven("b"))).toMatchObject({ status: "running", open: 2 });
    expect(stateOf(...both, ...workflowGivenUp(), redriven("a"), redriven("b")).status).toBe("dead-lettered");
  });
});

describe("a discarded step", () => {
  it("has failed, to the workflow, with the reason and what had gone wrong; nothing of it is open", () => {
    const state = stateOf(...givenUp("a"), discarded("a", "not worth it"));
    expect(state).toMatchObject({ status: "running", open: 0 });
    expect(state.steps.get("a")).toMatchObject({
      status: "failed",
      answeredSeq: 6,
      deadLettered: undefined,
      error: { name: "DiscardedError", message: "not worth it", cause: { name: "Error", message: "no" } },
    });
  });

  it("leaves the job waiting while another one does", () => {
    expect(stateOf(...givenUp("a"), ...givenUp("b"), discarded("a"))).toMatchObject({
      status: "dead-lettered",
      open: 1,
    });
  });
});

describe("a result", () => {
  it("that a person brings answers the dead letter, also of a step that nobody ever took", () => {
    for (const [log, attempt] of [
      [givenUp("a"), 1],
      [[requested("a"), deadLettered("a", { attempt: 0 })], 0],
    ] as const) {
      const state = stateOf(...log, by("person", "a", { by: "hand" }, attempt));
      expect(state).toMatchObject({ status: "running", open: 0, usage: {} });
      expect(state.steps.get("a")).toMatchObject({
        status: "completed",
        result: { by: "hand" },
        deadLettered: undefined,
        answeredSeq: state.seq,
      });
    }
  });

  it("that a person brings says nothing about the attempt that failed", () => {
    expect(stepOf([...givenUp("a"), by("person", "a", 1, 1)]).attempts).toMatchObject([{ outcome: "failed" }]);
  });

  it("that a fork brings was never worked for", () => {
    const state = stateOf(requested("a"), requested("b"), by("fork", "a", "A", 0), by("fork", "b", "B", 0));
    expect(state).toMatchObject({ open: 0, parallel: true, status: "running", usage: {} });
    expect(state.steps.get("a")).toMatchObject({
      status: "completed",
      attempt: 0,
      attempts: [],
      result: "A",
      answeredSeq: 4,
    });
    expect(state.steps.get("b")?.answeredSeq).toBe(5);
  });
});

describe("a call in doubt", () => {
  const streaming = [requested("a"), started("a"), progress("a", "Hel", { keptAs: "r-1" })];

  it.each(["reattach", "rerun", "hold"])(
    "by policy %s gives its lease up and counts, and the step stays open",
    (policy) => {
      const state = stateOf(...streaming, doubt("a", { policy, streamed: 3 }));
      expect(state).toMatchObject({ status: "running", open: 1, usage: {} });
      expect(state.steps.get("a")).toMatchObject({
        doubts: 1,
        failures: 0,
        lease: undefined,
        text: "",
        // It may be asked for, once and again.
        keptAs: "r-1",
        keptBy: 1,
        attempts: [{ attempt: 1, outcome: "in-doubt", endedAt: at(0) }],
      });
    },
  );

  it("is priced by estimate, apart from what is known to have been used", () => {
    const estimate = { model: "m", inputTokens: 7, outputTokens: 2, costUsd: 0.25 };
    const state = stateOf(
      ...streaming,
      doubt("a", { estimate }),
      started("a", 2),
      doubt("a", { attempt: 2, estimate: { inputTokens: 1 } }),
      started("a", 3),
      { ...completed("a", 1, 3), usage: { inputTokens: 7, costUsd: 1 } } as EventBody,
    );
    expect(state.usageInDoubt).toEqual({ model: "m", inputTokens: 8, outputTokens: 2, costUsd: 0.25 });
    expect(state.usage).toEqual({ inputTokens: 7, costUsd: 1 });
  });
});

describe("a cancelled job", () => {
  const cancelled = (fields: object = {}): EventBody => ({ type: "job.cancelled", ...fields });

  it("has ended, with the reason where there is one", () => {
    const state = stateOf(requested("a"), cancelled({ reason: "changed my mind" }));
    expect(isEnded(state)).toBe(true);
    expect(state).toMatchObject({
      status: "cancelled",
      error: { name: "JobCancelledError", message: "changed my mind" },
    });
    expect(stateOf(cancelled()).error).toBeUndefined();
  });

  it("ends the calls that ran, and leaves those alone that had ended", () => {
    const state = inTurn([...done("a", 1), requested("b"), started("b")], [cancelled()]);
    expect(state?.steps.get("a")?.attempts).toMatchObject([{ outcome: "completed", endedAt: at(0) }]);
    expect(state?.steps.get("b")?.attempts).toMatchObject([{ outcome: "abandoned", endedAt: at(1_000) }]);
  });

  it("may have been waiting for a person", () => {
    expect(stateOf(...givenUp("a"), cancelled()).status).toBe("cancelled");
  });
});

describe("a workflow that waits for a person", () => {
  it("redriven has a fresh budget of tries, whose numbers go on, from when it may start", () => {
    const state = stateOf(...workflowGivenUp(), redriven(ADVANCE_STEP, 3, { notBefore: at(5_000) }));
    expect(state).toMatchObject({
      status: "running",
      advance: { attempt: 3, failures: 0, deadLettered: undefined, retryAtMs: T0_MS + 5_000 },
    });
    const again = stateOf(...workflowGivenUp(), redriven(ADVANCE_STEP, 3), failed(ADVANCE_STEP, { attempt: 4 }));
    expect(again.advance).toMatchObject({ attempt: 4, failures: 1 });
  });

  it("discarded waits no more; the job's end says why", () => {
    const state = stateOf(...workflowGivenUp(), discarded(ADVANCE_STEP));
    expect(state).toMatchObject({ status: "running", advance: { deadLettered: undefined, failures: 3 } });
  });

  it.each<[string, EventBody]>([
    ["a timer", timerSet("nap", 1)],
    ["a value", { type: "value.recorded", valueId: "v", value: 1 }],
    ["a step", requested("a")],
  ])("goes on where it asks for %s", (_, event) => {
    expect(stateOf(...workflowGivenUp(), event)).toMatchObject({ status: "running", advance: undefined });
  });
});

describe("a timer", () => {
  it("is set, and goes off at a seq that it keeps", () => {
    expect(stateOf(timerSet("nap", 500)).timers.get("nap")).toEqual({ fireAtMs: T0_MS + 500, firedSeq: 0 });
    expect(stateOf(timerSet("nap", 500), timerFired("nap")).timers.get("nap")).toMatchObject({ firedSeq: 3 });
  });

  it("is no step: nothing is open, but from then on the order of answers matters", () => {
    expect(stateOf(requested("a"))).toMatchObject({ parallel: false });
    expect(stateOf(timerSet("nap", 500))).toMatchObject({ open: 0, parallel: true, status: "running" });
  });
});

describe("a corrupt log throws", () => {
  it.each<[string, EventBody[]]>([
    ["sets a timer twice", [timerSet("nap", 1), timerSet("nap", 2)]],
    ["fires a timer that nobody set", [timerFired("nap")]],
    ["fires a timer twice", [timerSet("nap", 1), timerFired("nap"), timerFired("nap")]],
    ["redrives a step that does not wait", [requested("a"), started("a"), redriven("a")]],
    ["redrives a step twice", [...givenUp("a"), redriven("a"), redriven("a")]],
    ["redrives from another attempt than the last", [...givenUp("a"), redriven("a", 0)]],
    ["discards a step that does not wait", [...done("a", 1), discarded("a")]],
    ["discards a step twice", [...givenUp("a"), discarded("a"), discarded("a")]],
    ["redrives a discarded step", [...givenUp("a"), discarded("a"), redriven("a")]],
    ["redrives a workflow that does not wait", [failed(ADVANCE_STEP), redriven(ADVANCE_STEP)]],
    ["discards a workflow that never failed", [discarded(ADVANCE_STEP)]],
    ["answers a step by hand twice", [...givenUp("a"), by("person", "a", 1, 1), by("person", "a", 2, 1)]],
    ["answers for a superseded attempt by hand", [requested("a"), started("a", 2), by("person", "a", 1, 1)]],
    ["goes on after it was cancelled", [requested("a"), started("a"), { type: "job.cancelled" }, completed("a")]],
    ["is cancelled after its end", [{ type: "job.completed", output: 1 }, { type: "job.cancelled" }]],
  ])("that %s", (_, events) => {
    expect(() => stateOf(...events)).toThrow(CorruptLogError);
  });
});
