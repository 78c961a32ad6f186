import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { EventBody } from "../../../src/contract/events.ts";
import { type ClaimDecision, decideClaim } from "../../../src/core/claim.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { at, completed, done, echo, failed, progress, requested, started, stateOf, T0_MS } from "./fixtures.ts";

const holding = defineCapability({ name: "echo", input: z.any(), output: z.any(), run: () => 1, onInDoubt: "hold" });
const inDoubt = (attempt: number): EventBody => ({
  type: "step.in_doubt",
  stepId: "a",
  capability: "echo",
  attempt,
  policy: "rerun",
});
const LEASE_MS = 60_000;
const lost = (attempt: number) => ({ attempt, policy: "rerun", streamed: "" });

function claim(
  events: readonly EventBody[],
  { nowMs = 0, maxSkewMs = 0, isGone = () => false, capability = echo } = {} as {
    nowMs?: number;
    maxSkewMs?: number;
    isGone?: (holder: string) => boolean;
    capability?: typeof echo;
  },
): ClaimDecision {
  return decideClaim(stateOf(...events), "a", capability, {
    nowMs: T0_MS + nowMs,
    maxSkewMs,
    isGone,
    isCalling: () => false,
    messageSeq: 0,
  });
}

describe("claiming a step", () => {
  it("starts the first attempt of one that nobody has", () => {
    expect(claim([requested("a")])).toEqual({ kind: "start", attempt: 1 });
  });

  it.each<[string, EventBody[]]>([
    ["is completed", done("a", 1)],
    ["has failed for good", [requested("a"), started("a"), failed("a", { final: true })]],
    ["was never asked for", [requested("b")]],
    ["belongs to a job that has ended", [requested("a"), { type: "job.completed", output: 1 }]],
    ["belongs to another capability", [requested("a", { capability: "double" })]],
    [
      "waits for a person",
      [
        requested("a"),
        { type: "step.dead_lettered", stepId: "a", capability: "echo", attempt: 0, error: { name: "E", message: "m" } },
      ],
    ],
  ])("drops a message for a step that %s", (_, events) => {
    expect(claim(events)).toMatchObject({ kind: "drop" });
  });

  it("defers while somebody else's lease lives, to the instant of its end", () => {
    const events = [requested("a"), started("a")];
    expect(claim(events, { nowMs: LEASE_MS - 1 })).toEqual({ kind: "defer", untilMs: T0_MS + LEASE_MS });
    expect(claim(events, { nowMs: LEASE_MS })).toEqual({ kind: "start", attempt: 2, inDoubt: lost(1) });
  });

  it("takes over only after twice the clocks' skew", () => {
    const events = [requested("a"), started("a")];
    const maxSkewMs = 10_000;
    expect(claim(events, { nowMs: LEASE_MS + 19_999, maxSkewMs })).toEqual({
      kind: "defer",
      untilMs: T0_MS + LEASE_MS + 20_000,
    });
    expect(claim(events, { nowMs: LEASE_MS + 20_000, maxSkewMs })).toMatchObject({ kind: "start", attempt: 2 });
  });

  it("takes over at once from a worker that is known to be dead, and from no other", () => {
    const events = [requested("a"), started("a")];
    expect(claim(events, { isGone: (holder) => holder === "w-1" })).toEqual({
      kind: "start",
      attempt: 2,
      inDoubt: lost(1),
    });
    expect(claim(events, { isGone: (holder) => holder !== "w-1" })).toMatchObject({ kind: "defer" });
  });

  it("waits for a retry's time, without any doubt", () => {
    const events = [requested("a"), started("a"), failed("a", { retryAt: at(5_000) })];
    expect(claim(events, { nowMs: 4_999 })).toEqual({ kind: "defer", untilMs: T0_MS + 5_000 });
    expect(claim(events, { nowMs: 5_000 })).toEqual({ kind: "start", attempt: 2 });
  });

  it("holds a call in doubt where its capability says so", () => {
    const events = [requested("a"), started("a")];
    expect(claim(events, { nowMs: LEASE_MS, capability: holding })).toMatchObject({ kind: "hold", inDoubt: 1 });
    expect(claim([requested("a")], { capability: holding })).toMatchObject({ kind: "start" });
  });

  it(`holds after ${echo.maxReruns} attempts that ended without an outcome`, () => {
    const events: EventBody[] = [requested("a")];
    for (let attempt = 1; attempt <= echo.maxReruns; attempt++) {
      events.push(started("a", attempt));
      expect(claim(events, { nowMs: LEASE_MS })).toEqual({
        kind: "start",
        attempt: attempt + 1,
        inDoubt: lost(attempt),
      });
      events.push(inDoubt(attempt));
    }
    events.push(started("a", echo.maxReruns + 1));
    expect(claim(events, { nowMs: LEASE_MS })).toMatchObject({ kind: "hold", inDoubt: echo.maxReruns + 1 });
  });

  it("takes an answer that has come in whole from the log, once its attempt is lost, also where calls in doubt are held", () => {
    const streamed = [
      requested("a"),
      started("a"),
      progress("a", "all of it", { final: true, output: 1, leaseUntil: at(5_000) }),
    ];
    expect(claim(streamed, { nowMs: 4_999, capability: holding })).toMatchObject({ kind: "defer" });
    expect(claim(streamed, { nowMs: 5_000, capability: holding })).toEqual({ kind: "recover", attempt: 1 });
    expect(claim(streamed, { nowMs: 5_000 })).toEqual({ kind: "recover", attempt: 1 });
    const cut = [requested("a"), started("a"), progress("a", "half of", { leaseUntil: at(5_000) })];
    expect(claim(cut, { nowMs: 5_000, capability: holding })).toMatchObject({ kind: "hold" });
  });

  it("never gives an attempt number twice", () => {
    const events: EventBody[] = [requested("a")];
    for (let attempt = 1; attempt <= 6; attempt++) {
      expect(claim(events, { nowMs: LEASE_MS })).toMatchObject({ kind: "start", attempt });
      events.push(started("a", attempt), failed("a", { attempt, counts: attempt % 2 === 0 }));
    }
    events.push(started("a", 7), completed("a", 1, 7));
    expect(claim(events, { nowMs: LEASE_MS })).toMatchObject({ kind: "drop" });
  });
});
