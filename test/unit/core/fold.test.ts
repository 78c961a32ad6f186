import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EventBody, eventsOf, lastSeq } from "../../../src/contract/events.ts";
import { decodeCommit, encodeCommit } from "../../../src/core/commit-codec.ts";
import { CorruptLogError } from "../../../src/core/errors.ts";
import { fold } from "../../../src/core/fold.ts";
import { ADVANCE_STEP, type StepState } from "../../../src/core/state.ts";
import { MemoryBlobs } from "../../../src/engines/embedded/file-blobs.ts";
import { seededRandom } from "../../../src/testing/random.ts";
import {
  at,
  completed,
  deadLettered,
  done,
  failed,
  JOB,
  logOf,
  progress,
  requested,
  started,
  stateOf,
  submitted,
} from "./fixtures.ts";
import { randomLog } from "./random-log.ts";

const step = (events: readonly EventBody[], id = "a"): StepState => {
  const found = stateOf(...events).steps.get(id);
  if (found === undefined) throw new Error(`no step ${id}`);
  return found;
};

describe("events of a commit", () => {
  it("are numbered from its first seq without gaps", () => {
    const [first, second] = logOf([submitted()], [requested("a"), requested("b")]);
    if (!first || !second) throw new Error("unreachable");
    expect(eventsOf(second).map(({ seq }) => seq)).toEqual([2, 3]);
    expect(lastSeq(second)).toBe(3);
    expect(eventsOf(first)[0]).toMatchObject({
      seq: 1,
      jobId: JOB,
      tenant: "acme",
      time: at(0),
      type: "job.submitted",
    });
  });
});

describe("folding a log", () => {
  it("gives no state for a log without commits", () => {
    expect(fold([])).toBeUndefined();
  });

  it("begins with what was submitted", () => {
    expect(stateOf()).toMatchObject({
      seq: 1,
      status: "running",
      workflow: "flow",
      input: { text: "hello" },
      deploySeq: 1,
    });
  });

  it("follows a step from its request to its result", () => {
    expect(step([requested("a")])).toMatchObject({ status: "requested", attempt: 0 });
    expect(step([requested("a"), started("a")])).toMatchObject({
      status: "running",
      attempt: 1,
      lease: { holder: "w-1" },
    });
    expect(step(done("a", { x: 1 }))).toMatchObject({ status: "completed", result: { x: 1 }, lease: undefined });
  });

  it("gathers streamed text, keeps its end, extends the lease, and begins anew with each attempt", () => {
    const streamed = [
      requested("a"),
      started("a"),
      progress("a", "Hel"),
      progress("a", "lo", { final: true, output: 1 }),
    ];
    expect(step(streamed)).toMatchObject({
      text: "Hello",
      finished: { output: 1 },
      lease: { untilMs: Date.parse(at(90_000)) },
    });
    const again = [
      ...streamed,
      { type: "step.in_doubt", stepId: "a", capability: "echo", attempt: 1, policy: "rerun" } as const,
      started("a", 2),
    ];
    expect(step(again)).toMatchObject({ text: "", finished: undefined, attempt: 2, doubts: 1 });
  });

  it("counts failures that count apart from throttling in a row", () => {
    const log: EventBody[] = [requested("a")];
    const fail = (attempt: number, counts: boolean): void => {
      log.push(started("a", attempt), failed("a", { attempt, counts, retryAt: at(attempt) }));
    };
    fail(1, false);
    fail(2, false);
    expect(step(log)).toMatchObject({ failures: 0, throttles: 2, status: "retrying", retryAtMs: Date.parse(at(2)) });
    fail(3, true);
    expect(step(log)).toMatchObject({ failures: 1, throttles: 0, attempt: 3 });
    expect(step(log).attempts.map(({ outcome }) => outcome)).toEqual(["failed", "failed", "failed"]);
  });

  it("adds up what was used, also by attempts that failed", () => {
    const usage = { model: "m", inputTokens: 10, outputTokens: 2, costUsd: 0.5 };
    const log = [
      requested("a"),
      started("a"),
      failed("a", { usage }),
      started("a", 2),
      { ...completed("a", 1, 2), usage },
    ];
    expect(stateOf(...(log as EventBody[])).usage).toEqual({
      model: "m",
      inputTokens: 20,
      outputTokens: 4,
      costUsd: 1,
    });
  });

  it("keeps the highest deployment, not the last", () => {
    const [first, second, third] = logOf([submitted()], [requested("a")], [requested("b")]);
    if (!first || !second || !third) throw new Error("unreachable");
    expect(fold([first, { ...second, deploySeq: 9 }, { ...third, deploySeq: 4 }])?.deploySeq).toBe(9);
  });

  it("freezes what it hands out", () => {
    const state = stateOf(...done("a", { list: [{ deep: 1 }] }, { input: { x: [1] } }));
    const result = state.steps.get("a")?.result as { list: { deep: number }[] };
    expect(Object.isFrozen(result.list[0])).toBe(true);
    expect(() => result.list.push({ deep: 2 })).toThrow(TypeError);
    expect(Object.isFrozen(state.steps.get("a")?.input)).toBe(true);
    expect(Object.isFrozen(state.input)).toBe(true);
  });

  it("ends an attempt that was running when its step was given up, and keeps how another had ended", () => {
    const attemptsOf = (...events: EventBody[]) => stateOf(requested("a"), ...events).steps.get("a")?.attempts;
    // Logs of before a lost call was told to be in doubt have it like this.
    expect(attemptsOf(started("a"), deadLettered("a"))).toMatchObject([
      { attempt: 1, outcome: "in-doubt", endedAt: expect.any(String), error: { message: "no" } },
    ]);
    expect(attemptsOf(started("a"), failed("a", { final: true }), deadLettered("a"))).toMatchObject([
      { attempt: 1, outcome: "failed" },
    ]);
  });

  it("tells a dead-lettered workflow from a job that runs again", () => {
    const dead: EventBody[] = [
      ...[1, 2, 3].map((attempt) => failed(ADVANCE_STEP, { capability: ADVANCE_STEP, attempt, final: attempt === 3 })),
      {
        type: "step.dead_lettered",
        stepId: ADVANCE_STEP,
        capability: ADVANCE_STEP,
        attempt: 3,
        error: { name: "E", message: "m" },
      },
    ];
    expect(stateOf(...dead)).toMatchObject({
      status: "dead-lettered",
      advance: { deadLettered: { seq: expect.any(Number) }, attempt: 3, failures: 3 },
    });
    expect(stateOf(...dead, requested("a"))).toMatchObject({ status: "running", advance: undefined });
  });

  it("comes to the same in pieces as at once, for random logs cut anywhere", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(40), async (seed, length) => {
        const commits = randomLog(seededRandom(seed), length);
        const whole = fold(await recoded(commits));
        for (let cut = 0; cut <= commits.length; cut++) {
          const [head, tail] = [await recoded(commits.slice(0, cut)), await recoded(commits.slice(cut))];
          expect(fold(tail, fold(head))).toEqual(whole);
        }
        expect(whole?.seq).toBe(commits.reduce((sum, commit) => sum + commit.events.length, 0));
      }),
      { numRuns: 60 },
    );
  });
});

describe("a corrupt log throws", () => {
  const end: EventBody = { type: "job.completed", output: 1 };
  it.each<[string, EventBody[][]]>([
    ["begins with something else than job.submitted", [[requested("a")]]],
    ["submits twice", [[submitted(), submitted()]]],
    ["goes on after its terminal event", [[submitted(), end], [requested("a")]]],
    ["ends twice", [[submitted(), end, end]]],
    ["completes a step twice", [[submitted(), ...done("a", 1), completed("a", 1)]]],
    ["requests a step twice", [[submitted(), ...done("a", 1), requested("a")]]],
    ["starts a step that nobody requested", [[submitted(), started("a")]]],
    ["starts a completed step", [[submitted(), ...done("a", 1), started("a", 2)]]],
    ["restarts attempt numbers", [[submitted(), requested("a"), started("a", 2), started("a", 1)]]],
    [
      "completes a superseded attempt",
      [[submitted(), requested("a"), started("a"), started("a", 2), completed("a", 1, 1)]],
    ],
    ["fails a step that nobody requested", [[submitted(), failed("a")]]],
    ["has an event of an unknown type", [[submitted(), { type: "step.vanished" } as unknown as EventBody]]],
  ])("that %s", (_, groups) => {
    expect(() => fold(logOf(...groups))).toThrow(CorruptLogError);
  });

  it.each([
    ["lacks a commit", 1],
    ["has a commit twice", 3],
  ])("that %s, and names the job and the seq", (_, firstSeq) => {
    const [first, second] = logOf([submitted(), requested("a")], [requested("b")]);
    if (!first || !second) throw new Error("unreachable");
    const seq = firstSeq === 1 ? 4 : 2;
    expect(() => fold([first, { ...second, firstSeq: seq }])).toThrow(`log of ${JOB}: expected seq 3, got ${seq}`);
  });
});

/** Through the store's text, so that no object is shared between two folds. */
async function recoded(commits: ReturnType<typeof logOf>): Promise<ReturnType<typeof logOf>> {
  const blobs = new MemoryBlobs();
  return Promise.all(
    commits.map(async (commit) => {
      const { stored } = await encodeCommit(commit, blobs);
      return (await decodeCommit(stored, blobs)).commit;
    }),
  );
}
