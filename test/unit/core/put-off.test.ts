import { describe, expect, it } from "vitest";
import type { EventBody, JobEvent } from "../../../src/contract/events.ts";
import { eventsOf } from "../../../src/contract/events.ts";
import { decideDiscard, decideRedrive, type RedriveCommand } from "../../../src/core/commands.ts";
import { messagesFor } from "../../../src/core/publish.ts";
import { ADVANCE_STEP, type JobState } from "../../../src/core/state.ts";
import { brokenInvariants } from "../../../src/testing/check-log.ts";
import {
  appOf,
  at,
  deadLettered,
  echo,
  failed,
  givenUp,
  logOf,
  redriven,
  requested,
  started,
  stateOf,
  submitted,
  T0_MS,
  workflowGivenUp,
} from "./fixtures.ts";

const app = appOf(async () => 1, { capabilities: [{ ...echo, announce: true }] });
const redrive = (state: JobState, command: RedriveCommand) => decideRedrive(state, command, app, T0_MS + 1_000);
const LATER = { notBefore: at(9_000) };
const putOff = [...givenUp("a", { input: 1 }), redriven("a", 1, LATER)];
const brokenBy = (decided: readonly EventBody[], log: readonly EventBody[] = putOff): string[] => {
  const events: JobEvent[] = logOf([submitted()], log, decided).flatMap(eventsOf);
  return brokenInvariants(events, new Map([["echo", 3]]));
};

describe("a step whose redrive puts it off", () => {
  it.each<[string, RedriveCommand, object]>([
    ["brought forward", {}, { status: "requested", retryAtMs: undefined, input: 1, failures: 0 }],
    ["put off again", { notBeforeMs: T0_MS + 5_000 }, { status: "retrying", retryAtMs: T0_MS + 5_000 }],
    ["given another input", { input: 7 }, { status: "requested", retryAtMs: undefined, input: 7, isEdited: true }],
    ["answered by hand", { result: 5 }, { status: "completed", retryAtMs: undefined, result: 5 }],
  ])("can be %s, on record", (_, command, step) => {
    const { events, result } = redrive(stateOf(...putOff), { stepId: "a", ...command });
    expect(result).toEqual([{ stepId: "a", capability: "echo", attempt: 1, seq: 7 }]);
    expect(events[0]).toEqual(deadLettered("a"));
    const state = stateOf(...putOff, ...events);
    expect(state.status).toBe("running");
    expect(state.steps.get("a")).toMatchObject({ ...step, deadLettered: undefined });
    expect(brokenBy(events)).toEqual([]);
    expect(messagesFor(state, events, app).map(({ topic }) => topic)).not.toContain("ai.echo.failed");
  });

  it("can be discarded, on record", () => {
    const { events } = decideDiscard(stateOf(...putOff), { stepId: "a", reason: "no" });
    const state = stateOf(...putOff, ...events);
    expect(state.steps.get("a")).toMatchObject({ status: "failed", retryAtMs: undefined, error: { message: "no" } });
    expect(state).toMatchObject({ status: "running", open: 0 });
    expect(brokenBy(events)).toEqual([]);
  });

  it("has a budget of its own once it is brought forward: one more redrive finds nothing", () => {
    const { events } = redrive(stateOf(...putOff), { stepId: "a" });
    expect(redrive(stateOf(...putOff, ...events), { stepId: "a" })).toEqual({ events: [], result: [] });
  });

  it.each<RedriveCommand>([{}, { stepId: "a", seq: 5 }, { stepId: "a", asOf: 6 }, { seq: 6 }])(
    "stays as it is where %j does not mean it",
    (command) => {
      expect(redrive(stateOf(...putOff), command)).toEqual({ events: [], result: [] });
    },
  );

  it("takes an input or a result only without the seq of the dead letter that was redriven, and says so", () => {
    const decide = () => redrive(stateOf(...putOff), { stepId: "a", seq: 5, result: 7 });
    expect(decide).toThrow(`is retrying, not before ${at(9_000)}, as its redrive says; leave seq and asOf out`);
  });

  it.each<[string, EventBody[]]>([
    ["is being tried", [started("a", 2)]],
    ["has failed again", [started("a", 2), failed("a", { attempt: 2, retryAt: at(20_000) })]],
    ["was throttled", [started("a", 2), failed("a", { attempt: 2, counts: false, retryAt: at(20_000) })]],
  ])("is no person's any more once it %s", (_, events) => {
    expect(redrive(stateOf(...putOff, ...events), { stepId: "a" })).toEqual({ events: [], result: [] });
    expect(decideDiscard(stateOf(...putOff, ...events), { stepId: "a", reason: "no" }).events).toEqual([]);
  });

  it("is none where nobody has redriven it", () => {
    const waits = [requested("a"), started("a"), failed("a", { retryAt: at(20_000) })];
    expect(redrive(stateOf(...waits), { stepId: "a" })).toEqual({ events: [], result: [] });
  });
});

describe("a workflow whose redrive puts it off", () => {
  const log = [...workflowGivenUp(), redriven(ADVANCE_STEP, 3, { capability: ADVANCE_STEP, ...LATER })];

  it("can be brought forward", () => {
    const { events } = redrive(stateOf(...log), { stepId: ADVANCE_STEP });
    const state = stateOf(...log, ...events);
    expect(state).toMatchObject({ status: "running", advance: { failures: 0, retryAtMs: undefined, attempt: 3 } });
    expect(messagesFor(state, events, app).map(({ topic }) => topic)).toEqual(["ai.flow.advance"]);
    expect(redrive(state, { stepId: ADVANCE_STEP }).events).toEqual([]);
  });

  it("is none while it only waits for its next try", () => {
    const tries = stateOf(failed(ADVANCE_STEP, { capability: ADVANCE_STEP, retryAt: at(20_000) }));
    expect(redrive(tries, { stepId: ADVANCE_STEP })).toEqual({ events: [], result: [] });
  });

  it("can be given up", () => {
    const { events } = decideDiscard(stateOf(...log), { stepId: ADVANCE_STEP, reason: "no" });
    expect(stateOf(...log, ...events)).toMatchObject({ status: "failed", error: { message: "no" } });
  });
});
