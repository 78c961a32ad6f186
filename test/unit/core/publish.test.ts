import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { EventBody } from "../../../src/contract/events.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { messagesFor, outstanding, type Waits } from "../../../src/core/publish.ts";
import { ADVANCE_STEP, waitsForStart } from "../../../src/core/state.ts";
import {
  appOf,
  at,
  completed,
  discarded,
  done,
  failed,
  JOB,
  requested,
  started,
  stateOf,
  submitted,
  T0_MS,
} from "./fixtures.ts";

const loud = defineCapability({ name: "loud", input: z.any(), output: z.any(), run: () => 1, announce: true });
const few = defineCapability({ name: "few", input: z.any(), output: z.any(), run: () => 1, concurrency: 3 });
const echo = defineCapability({ name: "echo", input: z.any(), output: z.any(), run: () => 1 });
const app = appOf(async () => 1, { capabilities: [echo, loud, few] });
const dead = (stepId: string, capability = "echo"): EventBody => ({
  type: "step.dead_lettered",
  stepId,
  capability,
  attempt: 1,
  error: { name: "E", message: "m" },
});

const publish = (...events: EventBody[]) => messagesFor(stateOf(...events), events, app);
const brief = (messages: ReturnType<typeof publish>) => messages.map(({ topic, detail }) => [topic, detail.stepIds]);
const ids = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`);

describe("the messages of a commit", () => {
  it("say where to look and no more", () => {
    const state = stateOf(requested("a", { input: "secret" }));
    expect(messagesFor(state, [requested("a", { input: "secret" })], app)).toEqual([
      { topic: "ai.echo.requested", detail: { tenant: "acme", jobId: JOB, seq: 2, stepIds: ["a"] } },
    ]);
  });

  it("carry the submission's trace", () => {
    const state = stateOf();
    const traced = { ...state, traceparent: "00-1-2-01" };
    expect(messagesFor(traced, [submitted()], app)[0]?.detail.traceparent).toBe("00-1-2-01");
  });

  it("name ten steps of one capability each, in order", () => {
    const messages = publish(...ids(25).map((id) => requested(id)));
    expect(messages.map(({ detail }) => detail.stepIds?.length)).toEqual([10, 10, 5]);
    expect(messages.flatMap(({ detail }) => detail.stepIds)).toEqual(ids(25));
  });

  it("name a step once, however many decisions about it are in the commit", () => {
    const both = stateOf(requested("a"), requested("b"));
    const messages = messagesFor(both, [requested("a"), requested("b"), requested("a")], app);
    expect(brief(messages)).toEqual([["ai.echo.requested", ["a", "b"]]]);
  });

  it("never name more steps than a capability works on at once", () => {
    const messages = publish(...ids(7).map((id) => requested(id, { capability: "few" })));
    expect(messages.map(({ detail }) => detail.stepIds?.length)).toEqual([3, 3, 1]);
  });

  it("ask for nothing that a fork has kept the answer of, and announce none of it", () => {
    const kept = { capability: "loud", attempt: 0, by: "fork" };
    const answers = [
      { ...completed("a"), ...kept } as EventBody,
      failed("b", { ...kept, final: true }),
      discarded("c", "no", kept),
    ];
    const requests = ids(4).map((_, n) => requested("abcd".charAt(n), { capability: "loud" }));
    expect(brief(publish(...requests, ...answers))).toEqual([["ai.loud.requested", ["d"]]]);
  });

  it("keep capabilities apart", () => {
    expect(brief(publish(requested("a"), requested("b", { capability: "loud" }), requested("c")))).toEqual([
      ["ai.echo.requested", ["a", "c"]],
      ["ai.loud.requested", ["b"]],
    ]);
  });

  it("ask for a redriven step again, unless its dead letter was moved back and is in hand", () => {
    const redriven = (by: "api" | "queue"): EventBody => ({
      type: "step.redriven",
      stepId: "a",
      capability: "echo",
      base: 1,
      by,
    });
    const of = (by: "api" | "queue") => {
      const events = [...before, redriven(by)];
      return brief(messagesFor(stateOf(...events), [redriven(by)], app));
    };
    const before = [requested("a"), started("a"), failed("a", { final: true }), dead("a")];
    expect(of("api")).toEqual([["ai.echo.requested", ["a"]]]);
    expect(of("queue")).toEqual([]);
  });

  it("announce results and dead letters only of capabilities that say so", () => {
    const loud = { capability: "loud" };
    const given = [dead("c"), dead("d", "loud")];
    const asked = [requested("c"), requested("d", loud)];
    const state = stateOf(...done("a", 1), ...done("b", 1, loud), ...asked, ...given);
    const quietDone = completed("a");
    const loudDone = { ...completed("b"), ...loud } as EventBody;
    expect(brief(messagesFor(state, [quietDone, loudDone, ...given], app))).toEqual([
      ["ai.loud.completed", ["b"]],
      ["ai.loud.failed", ["d"]],
    ]);
  });

  it.each<[EventBody, string]>([
    [{ type: "job.completed", output: 1 }, "ai.flow.completed"],
    [{ type: "job.failed", error: { name: "E", message: "m" } }, "ai.flow.failed"],
    [{ type: "job.expired", deadline: at(0) }, "ai.flow.failed"],
  ])("tell of the job's end ($type), and ask for no step any more", (end, topic) => {
    expect(brief(publish(requested("a"), end))).toEqual([[topic, undefined]]);
  });
});

describe("what a job still waits for", () => {
  const now = (...events: EventBody[]) =>
    outstanding(stateOf(...events), app, T0_MS + 1_000, (holder) => holder === "dead");

  it("is what nobody holds", () => {
    const events = [
      requested("open"),
      ...done("done", 1),
      requested("held"),
      started("held"),
      requested("over"),
      started("over", 1, { lease: { holder: "w", until: at(999) } }),
      requested("orphan"),
      started("orphan", 1, { lease: { holder: "dead", until: at(60_000) } }),
      requested("later"),
      started("later"),
      failed("later", { retryAt: at(1_001) }),
      requested("due"),
      started("due"),
      failed("due", { retryAt: at(1_000) }),
      requested("parked"),
      dead("parked"),
    ];
    expect(brief(now(...events))).toEqual([
      ["ai.echo.requested", ["open", "over", "orphan", "due"]],
      // "done" has an answer: only the workflow can tell whether it has seen it.
      ["ai.flow.advance", undefined],
    ]);
  });

  it("is the workflow itself when no step is open", () => {
    expect(brief(now())).toEqual([["ai.flow.advance", undefined]]);
    expect(brief(now(...done("a", 1)))).toEqual([["ai.flow.advance", undefined]]);
  });

  it("is the workflow that could not be run, when its wait is over and no person is needed", () => {
    const broken = (retryAt: string | undefined) =>
      failed(ADVANCE_STEP, { capability: ADVANCE_STEP, ...(retryAt ? { retryAt } : {}) });
    expect(brief(now(broken(at(1_000))))).toEqual([["ai.flow.advance", undefined]]);
    expect(now(broken(at(1_001)))).toEqual([]);
    expect(now(broken(undefined), dead(ADVANCE_STEP, ADVANCE_STEP))).toEqual([]);
  });

  it("is nothing past the job's deadline", () => {
    const state = stateOf(requested("a"));
    const asked = (nowMs: number) => outstanding(state, app, nowMs, () => false).length;
    expect(asked(state.deadlineMs - 1)).toBe(1);
    expect(asked(state.deadlineMs)).toBe(0);
  });

  it("is nothing once the job has ended", () => {
    expect(now(requested("a"), { type: "job.completed", output: 1 })).toEqual([]);
  });
});

describe("times of a job", () => {
  const nap: EventBody = { type: "timer.set", timerId: "nap", fireAt: at(600_000) };
  const gone = () => false;

  it("are asked for again where messages may be missing, and by nobody who only looks for what is late", () => {
    const state = stateOf(nap);
    const times = (waits?: Waits) =>
      outstanding(state, app, T0_MS + 1_000, gone, waits).flatMap(({ detail }) => detail.at ?? []);
    expect(times()).toEqual([T0_MS + 600_000]);
    expect(times({ stepMs: () => 60_000, advanceMs: 60_000 })).toEqual([]);
  });

  it("keep a job waiting for its start, until an attempt shows that it has begun by another's clock", () => {
    const later = { startAt: at(5_000) };
    const waiting = stateOf(requested("a"));
    const begun = stateOf(requested("a"), started("a"));
    for (const state of [waiting, begun]) Object.assign(state, { startAtMs: Date.parse(later.startAt) });
    expect(waitsForStart(waiting, T0_MS)).toBe(true);
    expect(waitsForStart(waiting, T0_MS + 5_000)).toBe(false);
    expect(waitsForStart(begun, T0_MS)).toBe(false);
    expect(outstanding(waiting, app, T0_MS, gone)).toEqual([]);
  });
});
