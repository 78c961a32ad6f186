import { expect, test } from "vitest";
import { z } from "zod";
import { type Call, type CallOutcome, call } from "../../../src/core/call.ts";
import { defineCapability, type StepContext } from "../../../src/core/define-capability.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { HeldError, ReleasedError, TimeoutError } from "../../../src/core/retry.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { JOB, TENANT } from "./fixtures.ts";

type Options = Partial<Parameters<typeof defineCapability>[0]>;
type Run = (input: unknown, step: StepContext) => unknown;

/** A call of a capability whose timeout is a minute, beginning now; what it has come to, and what its `run` has seen. */
function begin(run: Run, about: Partial<Call> = {}, options: Options = {}) {
  const clock = new VirtualClock();
  const seen: { step?: StepContext; progress: string[] } = { progress: [] };
  const capability = defineCapability({
    name: "only",
    input: z.any(),
    output: z.any(),
    timeoutMs: 60_000,
    ...options,
    run(input, step) {
      seen.step = step;
      return run(input, step) as never;
    },
  });
  const state: { outcome?: CallOutcome } = {};
  const done = call({
    capability,
    input: "in",
    jobId: JOB,
    tenant: TENANT,
    stepId: "s",
    attempt: 3,
    resources: {} as Resources,
    clock,
    onProgress: (text) => seen.progress.push(text),
    onKeptAs: async (id) => void seen.progress.push(`kept as ${id}`),
    ...about,
    ...(about.endsAtMs === undefined ? {} : { endsAtMs: clock.now() + about.endsAtMs }),
  }).then((outcome) => {
    state.outcome = outcome;
    return outcome;
  });
  return { clock, seen, state, done };
}

const endless = (): Promise<never> => new Promise(() => {});
const errorOf = (outcome: CallOutcome | undefined): unknown => (outcome?.kind === "threw" ? outcome.error : undefined);

test("a call ends at its timeout although its capability ignores the signal, which says why", async () => {
  const { clock, seen, state } = begin(endless);
  await clock.advance(59_999);
  expect(state.outcome).toBeUndefined();
  expect(seen.step?.signal.aborted).toBe(false);
  await clock.advance(1);
  expect(errorOf(state.outcome)).toBeInstanceOf(TimeoutError);
  expect(seen.step?.signal.reason).toBe(errorOf(state.outcome));
});

test("a call that its job's deadline ends is released, which is no timeout of its own", async () => {
  const { clock, seen, state } = begin(endless, { endsAtMs: 20_000, endsBy: "its job's time" });
  await clock.advance(20_000);
  const error = errorOf(state.outcome);
  expect(error).toBeInstanceOf(ReleasedError);
  expect(error).toMatchObject({ retryAfterMs: 0, message: expect.stringContaining("its job's time was over") });
  expect(seen.step?.signal.reason).toBe(error);
});

test("a deadline that comes with the timeout leaves the call its whole time, and the timeout the blame", async () => {
  const { clock, state } = begin(endless, { endsAtMs: 60_000 });
  await clock.advance(60_000);
  expect(errorOf(state.outcome)).toBeInstanceOf(TimeoutError);
});

test.each([0, -1])("with %i ms left nothing is called", async (endsAtMs) => {
  const { seen, done } = begin(() => "never", { endsAtMs });
  expect(errorOf(await done)).toBeInstanceOf(ReleasedError);
  expect(seen.step).toBeUndefined();
});

test("a call that is stopped from outside ends at once, with that reason for its capability and its caller", async () => {
  const outside = new AbortController();
  const { seen, state } = begin(endless, { signal: outside.signal });
  await settle();
  const reason = new Error("nobody waits for it");
  outside.abort(reason);
  await settle();
  expect(errorOf(state.outcome)).toBe(reason);
  expect(seen.step?.signal.reason).toBe(reason);
});

test("a call that was stopped before it began is not made", async () => {
  const { seen, done } = begin(() => "never", { signal: AbortSignal.abort(new Error("too late")) });
  expect(errorOf(await done)).toMatchObject({ message: "too late" });
  expect(seen.step).toBeUndefined();
});

test("what a call that has ended still says is heard by nobody", async () => {
  const { clock, seen, state } = begin(endless);
  await settle();
  seen.step?.progress("in time");
  seen.step?.usage({ inputTokens: 1 });
  await clock.advance(60_000);
  seen.step?.progress("too late");
  await seen.step?.keptAs("too late");
  seen.step?.usage({ inputTokens: 2 });
  expect(seen.progress).toEqual(["in time"]);
  expect(state.outcome).toMatchObject({ kind: "threw", usage: { inputTokens: 1 } });
});

test("a call that ended leaves no timer behind, and no listener on the signal from outside", async () => {
  const outside = new AbortController();
  const { clock, seen, done } = begin(() => "soon", { signal: outside.signal });
  expect(await done).toMatchObject({ kind: "returned", output: "soon" });
  expect(clock.nextMs).toBeUndefined();
  outside.abort();
  expect(seen.step?.signal.aborted).toBe(false);
});

test("a capability that throws at once, or what is no error, rejects nothing", async () => {
  const thrown = begin(() => {
    throw "a string";
  });
  expect(await thrown.done).toEqual({ kind: "threw", error: "a string", usage: undefined, cutOff: false });
});

test("what is no usage keeps no answer from its caller, and takes no usage away", async () => {
  const { done } = begin((_, step) => {
    step.usage({ inputTokens: 7 });
    step.usage({ inputTokens: "many" } as never);
    return "answer";
  });
  expect(await done).toEqual({ kind: "returned", output: "answer", usage: { inputTokens: 7 } });
});

test("a repeat is known by its key: the same for every attempt of a step, another for each step", async () => {
  const keyOf = async (about: Partial<Call>) => {
    const { seen, done } = begin(() => 1, about);
    await done;
    return seen.step?.idempotencyKey;
  };
  const first = await keyOf({ attempt: 1 });
  expect(await keyOf({ attempt: 2 })).toBe(first);
  expect(await keyOf({ stepId: "other" })).not.toBe(first);
  const edited = await keyOf({ attempt: 3, editedSeq: 9 });
  const others = [
    first,
    await keyOf({ editedSeq: 17 }),
    await keyOf({ stepId: "s/9" }),
    await keyOf({ stepId: "9/s" }),
  ];
  expect(others).not.toContain(edited);
  expect(await keyOf({ attempt: 4, editedSeq: 9 })).toBe(edited);
});

test("an answer that the provider keeps is asked for by its id, and nothing is called", async () => {
  const asked: unknown[] = [];
  const reattach: Options["reattach"] = (id, input) => {
    asked.push([id, input]);
    return "kept";
  };
  const { seen, done } = begin(() => "anew", { reattachTo: "resp-1" }, { reattach });
  expect(await done).toMatchObject({ kind: "returned", output: "kept" });
  expect(asked).toEqual([["resp-1", "in"]]);
  expect(seen.step).toBeUndefined();
});

test("an answer that is gone is asked for anew, or held where calls in doubt are held", async () => {
  const reattach = () => undefined;
  const gone = begin(() => "anew", { reattachTo: "resp-1" }, { reattach });
  expect(await gone.done).toMatchObject({ kind: "returned", output: "anew" });
  const held = begin(() => "anew", { reattachTo: "resp-1" }, { reattach, onInDoubt: "hold" });
  const error = errorOf(await held.done);
  expect(error).toBeInstanceOf(HeldError);
  expect(error).toMatchObject({ message: expect.stringContaining("resp-1") });
  expect(held.seen.step).toBeUndefined();
});

test("asking for a kept answer has the call's timeout and its signal", async () => {
  let signal: AbortSignal | undefined;
  const reattach: Options["reattach"] = (_id, _input, step) => {
    signal = step.signal;
    return endless();
  };
  const { clock, state } = begin(() => "anew", { reattachTo: "resp-1" }, { reattach });
  await clock.advance(60_000);
  expect(errorOf(state.outcome)).toBeInstanceOf(TimeoutError);
  expect(signal?.aborted).toBe(true);
});

test("a provider that says too late that an answer is gone is not called any more", async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const { clock, seen, done } = begin(() => "anew", { reattachTo: "resp-1" }, { reattach: () => promise });
  await clock.advance(60_000);
  await done;
  resolve(undefined);
  await settle();
  expect(seen.step).toBeUndefined();
});
