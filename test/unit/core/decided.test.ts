import { describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/contract/events.ts";
import { type DecisionType, type LetterFilter, wasDecided } from "../../../src/core/decided.ts";
import { ADVANCE_STEP } from "../../../src/core/state.ts";
import { completed, discarded, givenUp, logOf, redriven, started, submitted, workflowGivenUp } from "./fixtures.ts";

const TYPES: readonly DecisionType[] = ["step.redriven", "step.completed", "step.discarded"];
/** What a log of these events, after the submission, says was decided: `a` is given up at seq 5, `b` at seq 9. */
const decided = (events: readonly EventBody[], filter: LetterFilter): DecisionType[] =>
  TYPES.filter((type) => wasDecided(logOf([submitted()], events), filter, { type }));

const both = [...givenUp("a"), ...givenUp("b")];
const byHand = { ...completed("a", 1), by: "person" } as EventBody;

describe("what was decided about a dead letter", () => {
  it.each<[DecisionType, EventBody]>([
    ["step.redriven", redriven("a")],
    ["step.completed", byHand],
    ["step.discarded", discarded("a")],
  ])("is %s, and nothing else", (type, event) => {
    for (const filter of [{ seq: 5 }, { stepId: "a", seq: 5 }, { asOf: 9 }, { stepId: "a", asOf: 7 }]) {
      expect(decided([...both, event], filter), JSON.stringify(filter)).toEqual([type]);
    }
  });

  it("is nothing while it waits", () => {
    expect(decided(both, { seq: 5 })).toEqual([]);
    expect(decided(both, { asOf: 9 })).toEqual([]);
  });

  it("is not what was decided about another", () => {
    const events = [...both, redriven("a")];
    for (const filter of [{ seq: 9 }, { stepId: "b", asOf: 9 }, { seq: 4 }, { asOf: 4 }, { seq: 99 }, { asOf: 99 }]) {
      expect(decided(events, filter), JSON.stringify(filter)).toEqual([]);
    }
  });

  it("is not what was decided before or after: each time that a step is given up is one of its own", () => {
    const again = [...both, redriven("a"), started("a", 2), ...givenUp("a").slice(3), discarded("a")];
    expect(decided(again, { stepId: "a", seq: 5 })).toEqual(["step.redriven"]);
    expect(decided(again, { stepId: "a", seq: 12 })).toEqual(["step.discarded"]);
    expect(decided(again, { stepId: "a", asOf: 12 })).toEqual(["step.discarded"]);
  });

  it("is nothing where a result that came late was recorded", () => {
    expect(decided([...both, completed("a", 1)], { seq: 5 })).toEqual([]);
  });

  it("is an edit only where it had an input", () => {
    const wasEdited = (fields: object) =>
      wasDecided(
        logOf([submitted()], [...both, redriven("a", 1, fields)]),
        { seq: 5 },
        { type: "step.redriven", isEdit: true },
      );
    expect(wasEdited({ input: 7 })).toBe(true);
    expect(wasEdited({ input: null })).toBe(true);
    expect(wasEdited({})).toBe(false);
    expect(decided([...both, redriven("a", 1, { input: 7 })], { seq: 5 })).toEqual(["step.redriven"]);
  });

  it("cannot be told without a seq", () => {
    expect(decided([...both, redriven("a")], { stepId: "a" })).toEqual([]);
  });

  it("is told of a workflow that could not be run, too", () => {
    const about = { capability: ADVANCE_STEP };
    expect(decided([...workflowGivenUp(), discarded(ADVANCE_STEP, "no", about)], { seq: 5 })).toEqual([
      "step.discarded",
    ]);
  });
});
