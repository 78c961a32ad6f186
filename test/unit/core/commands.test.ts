import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { EventBody } from "../../../src/contract/events.ts";
import {
  deadLettersOf,
  decideCancel,
  decideDiscard,
  decideRedrive,
  InvalidValueError,
  NotWaitingError,
  type RedriveCommand,
  RefusedError,
} from "../../../src/core/commands.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { ADVANCE_STEP, type JobState } from "../../../src/core/state.ts";
import {
  appOf,
  at,
  deadLettered,
  discarded,
  done,
  double,
  echo,
  failed,
  givenUp,
  redriven,
  requested,
  started,
  stateOf,
  submitted,
  T0_MS,
  workflowGivenUp,
} from "./fixtures.ts";

const trimmed = defineCapability({
  name: "trimmed",
  input: z.any(),
  output: z.object({ text: z.string().trim() }),
  run: () => ({ text: "" }),
});
const app = appOf(async () => 1, { capabilities: [echo, double, trimmed] });
const NOW_MS = T0_MS + 1_000;
const DEADLINE_MS = T0_MS + 86_400_000;

const redrive = (state: JobState, command: RedriveCommand = {}, nowMs = NOW_MS) =>
  decideRedrive(state, command, app, nowMs);
const thrownBy = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return error;
  }
};
/** The state once what was decided is in its log. */
const withDecided = (events: readonly EventBody[], decided: readonly EventBody[]): JobState =>
  stateOf(...events, ...decided);

const TERMINAL: [string, EventBody][] = [
  ["completed", { type: "job.completed", output: 1 }],
  ["failed", { type: "job.failed", error: { name: "E", message: "m" } }],
  ["expired", { type: "job.expired", deadline: submitted().deadline }],
  ["cancelled", { type: "job.cancelled" }],
];

describe("cancelling", () => {
  it("ends the job with the reason, if one was given", () => {
    expect(decideCancel(stateOf(requested("a"), started("a")), "changed my mind").events).toEqual([
      { type: "job.cancelled", reason: "changed my mind" },
    ]);
    expect(decideCancel(stateOf(), undefined).events).toEqual([{ type: "job.cancelled" }]);
  });

  it("ends a job that waits for a person, also past its deadline", () => {
    expect(decideCancel(stateOf(...givenUp("a")), undefined).events).toHaveLength(1);
  });

  it.each(TERMINAL)("changes nothing of a job that is %s", (_, end) => {
    expect(decideCancel(stateOf(end), "late")).toEqual({ events: [], result: undefined });
  });
});

describe("the dead letters of a job", () => {
  it("come in the order in which they were given up, the workflow's own among them", () => {
    const state = stateOf(requested("a"), ...givenUp("b"), ...workflowGivenUp(1), deadLettered("a", { attempt: 0 }));
    expect(deadLettersOf(state)).toEqual([
      { stepId: "b", capability: "echo", seq: 6, at: at(0), attempt: 1 },
      { stepId: ADVANCE_STEP, capability: ADVANCE_STEP, seq: 8, at: at(0), attempt: 1 },
      { stepId: "a", capability: "echo", seq: 9, at: at(0), attempt: 0 },
    ]);
  });
});

describe("redriving", () => {
  const both = [...givenUp("a", { input: 1 }), ...givenUp("b", { input: 2 })];

  it("without a step takes all that wait, once; what it took, it says", () => {
    const { events, result } = redrive(stateOf(...both, ...done("c", 1)), { reason: "the provider is back" });
    const about = { type: "step.redriven", capability: "echo", base: 1, by: "api", reason: "the provider is back" };
    expect(events).toEqual([
      { ...about, stepId: "a" },
      { ...about, stepId: "b" },
    ]);
    expect(result.map(({ stepId, seq }) => [stepId, seq])).toEqual([
      ["a", 5],
      ["b", 9],
    ]);
    expect(redrive(withDecided(both, events))).toEqual({ events: [], result: [] });
  });

  it("of a later step leaves an earlier one waiting", () => {
    const { events } = redrive(stateOf(...both), { stepId: "b" });
    expect(events).toEqual([redriven("b")]);
    const state = withDecided(both, events);
    expect(state.status).toBe("dead-lettered");
    expect(deadLettersOf(state).map(({ stepId }) => stepId)).toEqual(["a"]);
  });

  it("carries on from the last attempt, whatever its number", () => {
    const never = [requested("a"), deadLettered("a", { attempt: 0 })];
    expect(redrive(stateOf(...never)).events).toMatchObject([{ base: 0 }]);
    const often = [requested("a"), started("a", 7), deadLettered("a", { attempt: 7 })];
    expect(redrive(stateOf(...often)).events).toMatchObject([{ base: 7 }]);
  });

  it("by a seq takes that dead letter only as long as it is the one that waits", () => {
    expect(redrive(stateOf(...both), { stepId: "a", seq: 5 }).events).toEqual([redriven("a")]);
    expect(redrive(stateOf(...both), { seq: 9 }).events).toEqual([redriven("b")]);
    const again = [redriven("a"), started("a", 2), deadLettered("a", { attempt: 2 })];
    expect(redrive(stateOf(...both, ...again), { stepId: "a", seq: 5 }).events).toEqual([]);
    expect(redrive(stateOf(...both, ...again), { stepId: "a", seq: 12 }).events).toEqual([redriven("a", 2)]);
  });

  it("as of a seq takes what had been given up by then, and leaves what was given up later", () => {
    const taken = (asOf: number) => redrive(stateOf(...both), { asOf }).result.map(({ stepId }) => stepId);
    expect([4, 5, 8, 9, 99].map(taken)).toEqual([[], ["a"], ["a"], ["a", "b"], ["a", "b"]]);
    const again = [redriven("a"), started("a", 2), deadLettered("a", { attempt: 2 })];
    expect(redrive(stateOf(...both, ...again), { asOf: 9 }).events).toEqual([redriven("b")]);
  });

  it("with a time says from when on an attempt may start", () => {
    expect(redrive(stateOf(...givenUp("a")), { notBeforeMs: T0_MS + 7_000 }).events).toMatchObject([
      { notBefore: at(7_000) },
    ]);
  });

  it("of a workflow that could not be run asks for it anew", () => {
    const about = { type: "step.redriven", stepId: ADVANCE_STEP, capability: ADVANCE_STEP, base: 3, by: "api" };
    expect(redrive(stateOf(...workflowGivenUp())).events).toEqual([about]);
    expect(redrive(stateOf(...givenUp("a"), ...workflowGivenUp()), { stepId: ADVANCE_STEP }).events).toEqual([about]);
  });

  it.each<[string, string, EventBody[]]>([
    ["open", "is requested", [requested("a")]],
    ["running", "is running", [requested("a"), started("a")]],
    [
      "waiting for its next try",
      `is retrying, not before ${at(20)}`,
      [requested("a"), started("a"), failed("a", { retryAt: at(20) })],
    ],
    ["done", "is completed", done("a", 1)],
    ["discarded", "is failed", [...givenUp("a"), discarded("a")]],
  ])("does nothing to a step that is %s; an input or a result for it is refused, and why", (_, is, events) => {
    expect(redrive(stateOf(...events), { stepId: "a" })).toEqual({ events: [], result: [] });
    for (const more of [{ input: 5 }, { result: 5 }, { result: null }]) {
      const refused = thrownBy(() => redrive(stateOf(...events), { stepId: "a", ...more }));
      expect(refused).toBeInstanceOf(NotWaitingError);
      expect(String(refused)).toContain(`step "a" of job ${stateOf().jobId} ${is}: it does not wait for a person`);
    }
  });

  it.each<[RedriveCommand, string]>([
    [{ seq: 4 }, "waits as dead letter 5, not as dead letter 4"],
    [{ asOf: 4 }, "waits as dead letter 5, not as one as of seq 4"],
  ])("with a result for %j is refused where another dead letter of the step waits", (filter, why) => {
    const refused = thrownBy(() => redrive(stateOf(...givenUp("a")), { stepId: "a", result: 5, ...filter }));
    expect(refused).toBeInstanceOf(NotWaitingError);
    expect(String(refused)).toContain(why);
  });

  it("is refused for a step that the job does not have, and names those that it has", () => {
    const refused = thrownBy(() => redrive(stateOf(...both), { stepId: "c" }));
    expect(refused).toBeInstanceOf(RefusedError);
    expect(String(refused)).toContain('has no step "c"; it has a, b');
    expect(String(thrownBy(() => redrive(stateOf(), { stepId: "c" })))).toContain("it has none");
  });

  it.each(TERMINAL)("is refused for a job that is %s", (status, end) => {
    const refused = thrownBy(() => redrive(stateOf(...givenUp("a"), end)));
    expect(refused).toBeInstanceOf(RefusedError);
    expect(String(refused)).toContain(`is ${status}: nothing of it waits any more; fork it instead`);
  });

  it("is refused from the job's deadline on, to the millisecond, whatever it brings; not where nothing waits", () => {
    const state = stateOf(...givenUp("a"));
    expect(redrive(state, {}, DEADLINE_MS - 1).events).toHaveLength(1);
    for (const more of [{}, { stepId: "a", result: 1 }]) {
      const refused = thrownBy(() => redrive(state, more, DEADLINE_MS));
      expect(refused).toBeInstanceOf(RefusedError);
      expect(String(refused)).toContain(`past its deadline of ${submitted().deadline}; fork it instead`);
    }
    expect(redrive(stateOf(requested("a")), {}, DEADLINE_MS).events).toEqual([]);
  });
});

describe("redriving with another input", () => {
  const wrong = [
    requested("a", { capability: "double", input: { n: 1, note: "none" } }),
    deadLettered("a", { capability: "double", attempt: 0 }),
  ];

  it("records it as the capability's schema gives it, and the step has it from then on", () => {
    const { events } = redrive(stateOf(...wrong), { stepId: "a", input: { n: 5, more: 1 } });
    expect(events).toEqual([redriven("a", 0, { capability: "double", input: { n: 5, note: "none" } })]);
    expect(withDecided(wrong, events).steps.get("a")).toMatchObject({
      status: "requested",
      input: { n: 5, note: "none" },
    });
  });

  it("takes null for an input, where the capability does", () => {
    expect(redrive(stateOf(...givenUp("a", { input: 1 })), { stepId: "a", input: null }).events).toMatchObject([
      { input: null },
    ]);
  });

  it("is refused, with the place, where the capability forbids it; nothing is decided", () => {
    const error = thrownBy(() => redrive(stateOf(...wrong), { stepId: "a", input: { n: "five" } }));
    expect(error).toBeInstanceOf(InvalidValueError);
    expect((error as InvalidValueError).message).toContain("not what double takes");
    expect((error as InvalidValueError).violations).toMatchObject([{ path: "/input/n" }]);
  });

  it("is refused for the workflow itself, and for a capability that is gone", () => {
    for (const more of [{ input: 1 }, { result: 1 }]) {
      const itself = thrownBy(() => redrive(stateOf(...workflowGivenUp()), { stepId: ADVANCE_STEP, ...more }));
      expect(itself).toBeInstanceOf(RefusedError);
      expect(String(itself)).toContain("the workflow itself takes no input and no result");
      const gone = [requested("a", { capability: "gone" }), deadLettered("a", { capability: "gone", attempt: 0 })];
      const refused = thrownBy(() => redrive(stateOf(...gone), { stepId: "a", ...more }));
      expect(refused).toBeInstanceOf(RefusedError);
      expect(String(refused)).toContain('no capability "gone" any more');
    }
  });
});

describe("answering by hand", () => {
  const held = [
    requested("a", { capability: "trimmed" }),
    started("a", 4, { capability: "trimmed" }),
    deadLettered("a", { capability: "trimmed", attempt: 4 }),
  ];

  it("completes the step, by a person and for its last attempt, with the result as its schema gives it", () => {
    const result = { text: "  by hand " };
    const { events } = redrive(stateOf(...held), { stepId: "a", result, reason: "I looked it up" });
    const about = { type: "step.completed", stepId: "a", capability: "trimmed", attempt: 4 };
    expect(events).toEqual([{ ...about, result: { text: "by hand" }, by: "person", reason: "I looked it up" }]);
    const state = withDecided(held, events);
    expect(state).toMatchObject({ status: "running", open: 0 });
    expect(thrownBy(() => redrive(state, { stepId: "a", result }))).toBeInstanceOf(NotWaitingError);
  });

  it("is refused, with the place in the result, where the capability's schema forbids it", () => {
    const error = thrownBy(() => redrive(stateOf(...held), { stepId: "a", result: { text: 7 } }));
    expect(error).toBeInstanceOf(InvalidValueError);
    expect((error as InvalidValueError).message).toContain("not what trimmed returns");
    expect((error as InvalidValueError).violations).toMatchObject([{ path: "/result/text" }]);
  });

  it("takes null for a result, where the capability does", () => {
    expect(redrive(stateOf(...givenUp("a")), { stepId: "a", result: null }).events).toMatchObject([
      { type: "step.completed", result: null },
    ]);
  });
});

describe("discarding", () => {
  it("gives up all that wait, with the reason; a repeat finds nothing", () => {
    const both = [...givenUp("a"), ...givenUp("b"), requested("c")];
    const { events, result } = decideDiscard(stateOf(...both), { reason: "too old" });
    expect(events).toEqual([discarded("a", "too old"), discarded("b", "too old")]);
    expect(result.map(({ stepId }) => stepId)).toEqual(["a", "b"]);
    expect(withDecided(both, events)).toMatchObject({ status: "running", open: 1 });
    expect(decideDiscard(withDecided(both, events), { reason: "too old" })).toEqual({ events: [], result: [] });
  });

  it("of one step, or of one seq, leaves the other", () => {
    const state = stateOf(...givenUp("a"), ...givenUp("b"));
    expect(decideDiscard(state, { stepId: "b", reason: "r" }).events).toEqual([discarded("b", "r")]);
    expect(decideDiscard(state, { seq: 5, reason: "r" }).events).toEqual([discarded("a", "r")]);
    expect(decideDiscard(state, { stepId: "b", seq: 5, reason: "r" }).events).toEqual([]);
  });

  it("of a workflow that cannot be run ends the job, last of all, with what was wrong", () => {
    const events = [...givenUp("a"), ...workflowGivenUp()];
    const decided = decideDiscard(stateOf(...events), { reason: "hopeless" });
    expect(decided.events).toMatchObject([
      { type: "step.discarded", stepId: "a" },
      { type: "step.discarded", stepId: ADVANCE_STEP, attempt: 3, reason: "hopeless" },
      {
        type: "job.failed",
        error: { name: "DiscardedError", message: "hopeless", cause: { name: "WorkflowError", message: "a bug" } },
      },
    ]);
    expect(withDecided(events, decided.events).status).toBe("failed");
  });

  it("of a step does not end a job whose workflow waits, too", () => {
    const state = stateOf(...givenUp("a"), ...workflowGivenUp());
    expect(decideDiscard(state, { stepId: "a", reason: "r" }).events).toEqual([discarded("a", "r")]);
  });

  it("does nothing to a step that is done", () => {
    expect(decideDiscard(stateOf(...done("a", 1)), { stepId: "a", reason: "r" }).events).toEqual([]);
  });

  it.each(TERMINAL)("is refused for a job that is %s", (_, end) => {
    expect(() => decideDiscard(stateOf(...givenUp("a"), end), { reason: "r" })).toThrow(RefusedError);
  });

  it("is refused for a step that the job does not have", () => {
    expect(() => decideDiscard(stateOf(...done("a", 1)), { stepId: "b", reason: "r" })).toThrow('has no step "b"');
  });
});
