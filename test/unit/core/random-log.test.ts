import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Commit, EventBody, eventsOf, isTerminal } from "../../../src/contract/events.ts";
import { decodeCommit, encodeCommit } from "../../../src/core/commit-codec.ts";
import { fold } from "../../../src/core/fold.ts";
import { ADVANCE_STEP, type JobState } from "../../../src/core/state.ts";
import { MemoryBlobs } from "../../../src/engines/embedded/file-blobs.ts";
import { brokenInvariants } from "../../../src/testing/check-log.ts";
import { seededRandom } from "../../../src/testing/random.ts";
import { randomLog } from "./random-log.ts";

const log = fc.tuple(fc.nat(), fc.nat(60)).map(([seed, length]) => randomLog(seededRandom(seed), length));
const forAll = (check: (events: EventBody[], state: JobState, commits: Commit[]) => void): void =>
  fc.assert(
    fc.property(log, (commits) => {
      const state = fold(structuredClone(commits));
      if (state === undefined) throw new Error("no state");
      check(
        commits.flatMap(({ events }) => events),
        state,
        commits,
      );
    }),
    { numRuns: 200 },
  );
const of = <T extends EventBody["type"]>(events: readonly EventBody[], ...types: readonly T[]) =>
  events.filter((event): event is Extract<EventBody, { type: T }> => (types as readonly string[]).includes(event.type));
const ofSteps = (events: readonly EventBody[]) =>
  events.filter((event) => !("stepId" in event) || event.stepId !== ADVANCE_STEP);

describe("a random log", () => {
  it("has every type of event, in some", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      for (const { events } of randomLog(seededRandom(seed), 60)) for (const { type } of events) seen.add(type);
    }
    expect([...seen].sort()).toEqual(EventBody.options.map(({ shape }) => shape.type.value).sort());
  });

  it("is one that could have been written: by the schema of events, and by the invariants", () => {
    forAll((events, _, commits) => {
      for (const event of events) expect(EventBody.parse(event)).toEqual(event);
      expect(brokenInvariants(commits.flatMap(eventsOf), new Map())).toEqual([]);
    });
  });

  it("is the same after the store", async () => {
    await fc.assert(
      fc.asyncProperty(log, async (commits) => {
        const blobs = new MemoryBlobs();
        for (const commit of commits) {
          const { stored } = await encodeCommit(commit, blobs);
          expect((await decodeCommit(stored, blobs)).commit).toEqual(JSON.parse(JSON.stringify(commit)));
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe("whatever the log, the folded job", () => {
  it("counts as open what was asked for and has no answer yet", () => {
    forAll((events, { open, steps }) => {
      const unanswered = new Set<string>();
      for (const event of ofSteps(events)) {
        if (event.type === "step.requested" || event.type === "step.dead_lettered") unanswered.add(event.stepId);
        if (event.type === "step.completed" || event.type === "step.discarded") unanswered.delete(event.stepId);
        if (event.type === "step.failed" && event.final) unanswered.delete(event.stepId);
      }
      expect(open).toBe(unanswered.size);
      for (const { id, answeredSeq } of steps.values()) expect(answeredSeq === 0).toBe(unanswered.has(id));
    });
  });

  it("waits for a person exactly as long as a dead letter waits for a decision", () => {
    forAll((events, { status, steps, advance }) => {
      if (events.some(isTerminal)) return;
      const waiting = new Set<string>();
      for (const event of events) {
        if (event.type === "step.dead_lettered") waiting.add(event.stepId);
        if ("stepId" in event && DECISIONS.has(event.type)) waiting.delete(event.stepId);
        // A workflow that asks for something new runs again, whatever its letter says.
        if (ASKED.has(event.type)) waiting.delete(ADVANCE_STEP);
      }
      expect(status).toBe(waiting.size > 0 ? "dead-lettered" : "running");
      const marked = [...steps.values()].filter(({ deadLettered }) => deadLettered !== undefined).map(({ id }) => id);
      if (advance?.deadLettered !== undefined) marked.push(ADVANCE_STEP);
      expect(new Set(marked)).toEqual(waiting);
    });
  });

  it("adds up what answered and failed calls used, and apart from it what lost ones may have", () => {
    forAll((events, { usage, usageInDoubt }) => {
      const calls = of(ofSteps(events), "step.completed", "step.failed").map((event) => event.usage);
      const lost = of(events, "step.in_doubt").map(({ estimate }) => estimate);
      for (const [total, parts] of [
        [usage, calls],
        [usageInDoubt, lost],
      ] as const) {
        expect(total.inputTokens ?? 0).toBe(parts.reduce((sum, part) => sum + (part?.inputTokens ?? 0), 0));
        expect(total.costUsd ?? 0).toBe(parts.reduce((sum, part) => sum + (part?.costUsd ?? 0), 0));
      }
    });
  });

  it("knows which timers have gone off, and at which seq", () => {
    forAll((events, { timers }) => {
      const fired = new Map(
        events.flatMap((event, index) => (event.type === "timer.fired" ? [[event.timerId, index + 1] as const] : [])),
      );
      const expected = of(events, "timer.set").map(({ timerId, fireAt }) => [
        timerId,
        { fireAtMs: Date.parse(fireAt), firedSeq: fired.get(timerId) ?? 0 },
      ]);
      expect([...timers]).toEqual(expected);
    });
  });

  it("knows which signals came, with what, and which are awaited", () => {
    forAll((events, { signals }) => {
      const came = new Map(
        events.flatMap((event, index) =>
          event.type === "signal.received" ? [[event.signal, [index + 1, event.payload]] as const] : [],
        ),
      );
      const asked = of(events, "signal.requested").map(({ signal }) => signal);
      expect(new Set(signals.keys())).toEqual(new Set([...asked, ...came.keys()]));
      for (const [name, { receivedSeq, payload }] of signals) {
        expect([receivedSeq, payload]).toEqual(came.get(name) ?? [0, undefined]);
      }
    });
  });

  it("holds a step's input as it was last put, and its result as it was given", () => {
    forAll((events, { steps }) => {
      for (const { id, input, result } of steps.values()) {
        const own = events.filter((event) => "stepId" in event && event.stepId === id);
        const inputs = of(own, "step.requested", "step.redriven").flatMap((event) => event.input ?? []);
        expect(input).toEqual(inputs.at(-1));
        expect(result).toEqual(of(own, "step.completed")[0]?.result);
      }
    });
  });
});

const DECISIONS: ReadonlySet<string> = new Set(["step.redriven", "step.discarded", "step.completed"]);
const ASKED: ReadonlySet<string> = new Set([
  "step.requested",
  "value.recorded",
  "timer.set",
  "timer.fired",
  "signal.requested",
]);
