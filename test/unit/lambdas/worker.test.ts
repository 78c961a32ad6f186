import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { submit } from "../../../lambdas/submit/submit.ts";
import { work } from "../../../lambdas/worker/worker.ts";
import { eventsOf } from "../../../src/contract/events.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability, type StepContext } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { iso } from "../../../src/core/iso.ts";
import { readCommits, readState } from "../../../src/core/read-job.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { TerminalError, ThrottledError } from "../../../src/core/retry.ts";
import { createRuntime, type Runtime } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Text = z.object({ text: z.string() });
const tenant = "acme" as TenantId;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

type Run = (input: { text: string }, step: StepContext) => unknown;

/** A job with one step, and nothing that works on it but the test. */
async function oneStep(run: Run, options: { onInDoubt?: "rerun" | "hold"; steps?: number } = {}) {
  const only = defineCapability({
    name: "only",
    input: Text,
    output: Text,
    onInDoubt: options.onInDoubt ?? "rerun",
    run: run as never,
  });
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: z.array(Text),
    run: (job, input) =>
      Promise.all(Array.from({ length: options.steps ?? 1 }, (_, n) => job.step(`s/${n}`, only, input))),
  });
  const app = defineApp({ workflows: [flow], capabilities: [only] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  const runtimeOf = (holder: string): Runtime =>
    createRuntime({ ...engine, holder, isGone: () => false }, { app, resources: {} as Resources, logger: silent });
  const runtime = runtimeOf("worker-1");
  const request = { workflow: "flow", input: { text: "in" } };
  const { job } = await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
  const jobId = job.id as JobId;
  const deliver = async (by: Runtime = runtime) => {
    const [delivery] = await engine.queue.receive("only", 1, 60_000);
    if (delivery === undefined) throw new Error("nothing to receive");
    const result = await work({ capability: "only", detail: delivery.message.detail }, by);
    if (result.retryAfterMs === undefined) await engine.queue.ack([delivery]);
    else await engine.queue.retryLater(delivery, result.retryAfterMs);
    return { ...result, receiveCount: delivery.receiveCount };
  };
  return {
    runtime,
    runtimeOf,
    clock,
    deliver,
    queue: engine.queue,
    jobId,
    state: () => readState(engine, jobId),
    types: () => typesOf(runtime, jobId),
  };
}

async function typesOf(runtime: Runtime, jobId: JobId): Promise<string[]> {
  const { commits } = await readCommits(runtime, jobId);
  return commits.flatMap(eventsOf).map(({ type }) => type);
}

describe("a worker", () => {
  test("calls a capability once, however often the message comes", async () => {
    let calls = 0;
    const job = await oneStep(() => ({ text: `${++calls}` }));
    const message = { tenant, jobId: job.jobId, seq: 2, stepIds: ["s/0"] };
    await Promise.all(Array.from({ length: 5 }, () => work({ capability: "only", detail: message }, job.runtime)));
    expect(calls).toBe(1);
    expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "1" }] });
  });

  test("calls once when two processes have the message, and puts the second off until the lease ends", async () => {
    let calls = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const job = await oneStep(async () => {
      calls += 1;
      await promise;
      return { text: "done" };
    });
    const detail = { tenant, jobId: job.jobId, seq: 2, stepIds: ["s/0"] };
    const first = work({ capability: "only", detail }, job.runtime);
    await settle();
    await work({ capability: "only", detail }, job.runtimeOf("worker-2"));
    expect((await job.queue.stats("only")).delayed).toBe(1);
    resolve();
    await first;
    expect(calls).toBe(1);
    expect(await job.state()).toMatchObject({ status: "completed" });
  });

  test("throttled two hundred times in a row costs no attempt and no receive", async () => {
    let calls = 0;
    const job = await oneStep(() => {
      calls += 1;
      if (calls <= 200) throw new ThrottledError("slow down", 1_000);
      return { text: "at last" };
    });
    for (let n = 0; n < 200; n++) {
      expect(await job.deliver()).toMatchObject({ receiveCount: 1 });
      await job.clock.advance(60_000);
    }
    await job.deliver();
    const state = await job.state();
    expect(state).toMatchObject({ status: "completed", output: [{ text: "at last" }] });
    expect(state?.steps.get("s/0")).toMatchObject({ failures: 0, attempt: 201 });
    expect(await job.queue.stats("only")).toMatchObject({ ready: 0, delayed: 0, deadLetters: 0 });
  });

  test("a failed attempt keeps its message, whose receive count goes up", async () => {
    let calls = 0;
    const job = await oneStep(() => {
      calls += 1;
      if (calls < 3) throw new Error("not yet");
      return { text: "third" };
    });
    for (const receiveCount of [1, 2, 3]) {
      expect(await job.deliver()).toMatchObject({ receiveCount });
      await job.clock.advance(60_000);
    }
    expect(await job.state()).toMatchObject({ status: "completed" });
  });

  test("of ten steps in one message, only those that failed come again, each by itself", async () => {
    const failed = new Set<string>();
    const job = await oneStep(
      (input, { stepId }) => {
        if ((stepId === "s/3" || stepId === "s/7") && !failed.has(stepId)) {
          failed.add(stepId);
          throw new Error("once");
        }
        return input;
      },
      { steps: 10 },
    );
    await job.deliver();
    expect(await job.queue.stats("only")).toMatchObject({ ready: 0, delayed: 2 });
    await job.clock.advance(60_000);
    await job.deliver();
    await job.deliver();
    expect(await job.state()).toMatchObject({ status: "completed" });
  });

  test("an output that JSON cannot hold is recorded as such, streamed or not, and never asked for again", async () => {
    let calls = 0;
    const circular: { text?: unknown } = {};
    circular.text = circular;
    let deep: unknown = "deep";
    for (let level = 0; level < 50_000; level++) deep = [deep];
    for (const [streams, output] of [
      [false, circular],
      [true, circular],
      [false, { text: deep }],
      [true, { text: deep }],
      [false, { text: 1n }],
      [false, undefined],
      [false, Object.create(null)],
    ] as const) {
      calls = 0;
      const job = await oneStep((_, step) => {
        calls += 1;
        if (streams) step.progress("text");
        return output;
      });
      await job.deliver();
      expect(calls).toBe(1);
      expect((await job.state())?.steps.get("s/0")).toMatchObject({ status: "dead-lettered" });
    }
  });
});

describe("after a crash", () => {
  const crashed = { type: "step.started", stepId: "s/0", capability: "only", attempt: 1 } as const;

  /** What a process has on record that claimed the step and died. */
  async function claimedAndDied(job: Awaited<ReturnType<typeof oneStep>>, streamed?: { final: boolean }) {
    const until = iso(job.clock.now() + 75_000);
    await job.runtime.writer.update(job.jobId, () => ({
      events: [
        { ...crashed, lease: { holder: "worker-0", until } },
        ...(streamed
          ? [
              {
                type: "step.progress" as const,
                stepId: "s/0",
                capability: "only",
                attempt: 1,
                offset: 0,
                text: "paid for",
                leaseUntil: until,
                ...(streamed.final ? { final: true, output: { text: "paid for" }, usage: { outputTokens: 2 } } : {}),
              },
            ]
          : []),
      ],
      result: undefined,
    }));
    await job.clock.advance(75_000);
  }

  test("a stream that had ended is taken as it is: no second call", async () => {
    let calls = 0;
    const job = await oneStep(() => ({ text: `${++calls}` }));
    await claimedAndDied(job, { final: true });
    await job.deliver();
    expect(calls).toBe(0);
    expect(await job.state()).toMatchObject({
      status: "completed",
      output: [{ text: "paid for" }],
      usage: { outputTokens: 2 },
    });
    expect(await job.types()).not.toContain("step.in_doubt");
  });

  test("a call whose outcome is unknown is run again, and the log says so", async () => {
    let calls = 0;
    const job = await oneStep(() => ({ text: `${++calls}` }));
    await claimedAndDied(job, { final: false });
    await job.deliver();
    expect(calls).toBe(1);
    const types = await job.types();
    expect(types.slice(types.indexOf("step.in_doubt"))).toEqual([
      "step.in_doubt",
      "step.started",
      "step.completed",
      "job.completed",
    ]);
    expect((await job.state())?.steps.get("s/0")?.attempt).toBe(2);
  });

  test("in company it is put off, to be worked on alone", async () => {
    const job = await oneStep(() => ({ text: "not now" }));
    await claimedAndDied(job, { final: false });
    const [delivery] = await job.queue.receive("only", 1, 60_000);
    if (delivery === undefined) throw new Error("nothing to receive");
    await work({ capability: "only", detail: delivery.message.detail, company: 1 }, job.runtime);
    await job.queue.ack([delivery]);
    expect(await job.types()).not.toContain("step.in_doubt");
    await job.clock.advance(30_000);
    const [copy] = await job.queue.receive("only", 1, 60_000);
    expect(copy?.message.detail).toMatchObject({ stepIds: ["s/0"], alone: true });
  });

  test("a capability that holds calls in doubt waits for a person and calls nothing", async () => {
    let calls = 0;
    const job = await oneStep(() => ({ text: `${++calls}` }), { onInDoubt: "hold" });
    await claimedAndDied(job);
    await job.deliver();
    expect(calls).toBe(0);
    const state = await job.state();
    expect(state?.status).toBe("dead-lettered");
    const [letter] = await job.queue.deadLetters("only", 10);
    expect(letter).toMatchObject({ seq: state?.seq, message: { detail: { stepIds: ["s/0"] } } });
  });

  test("a step given up whose dead letter was not sent gets it when its message comes again, and no second one after", async () => {
    const job = await oneStep(() => {
      throw new TerminalError("hopeless");
    });
    const runtime = job.runtimeOf("worker-1");
    const broken = Object.assign(Object.create(runtime.queue), {
      deadLetter: () => Promise.reject(new Error("the queue does not answer")),
    });
    const detail = { tenant, jobId: job.jobId, seq: 2, stepIds: ["s/0"] };
    await expect(work({ capability: "only", detail }, { ...runtime, queue: broken })).rejects.toThrow(
      "does not answer",
    );
    expect(await job.queue.deadLetters("only", 10)).toEqual([]);
    await work({ capability: "only", detail }, runtime);
    const [letter, ...others] = await job.queue.deadLetters("only", 10);
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ seq: (await job.state())?.seq, reason: "TerminalError: hopeless" });
    // A message that comes once more has nothing to add.
    await work({ capability: "only", detail: { ...detail, seq: (letter?.seq ?? 0) + 1 } }, runtime);
    expect(await job.queue.deadLetters("only", 10)).toHaveLength(1);
  });

  test("a dead letter that is moved back to its queue is a person's redrive, once", async () => {
    let calls = 0;
    const job = await oneStep(() => {
      calls += 1;
      throw new TerminalError("hopeless");
    });
    const runtime = job.runtimeOf("worker-1");
    await work({ capability: "only", detail: { tenant, jobId: job.jobId, seq: 2, stepIds: ["s/0"] } }, runtime);
    const [letter] = await job.queue.deadLetters("only", 10);
    if (letter === undefined) throw new Error("there is no dead letter");
    await work({ capability: "only", detail: letter.message.detail }, runtime);
    expect(calls).toBe(2);
    expect(await job.state()).toMatchObject({
      status: "dead-lettered",
      steps: new Map([["s/0", expect.objectContaining({ attempt: 2, failures: 1 })]]),
    });
    // The same once more is a stray copy: another event has given the step up since. It is sent to the dead letters again at most.
    await work({ capability: "only", detail: letter.message.detail }, runtime);
    expect(calls).toBe(2);
    const seqs = (await job.queue.deadLetters("only", 10)).map(({ seq }) => seq);
    expect(new Set(seqs)).toEqual(new Set([letter.seq, (await job.state())?.steps.get("s/0")?.deadLettered?.seq]));
  });

  test("an attempt that was superseded records nothing, a merely late one does", async () => {
    for (const superseded of [true, false]) {
      const { promise, resolve } = Promise.withResolvers<{ text: string }>();
      let calls = 0;
      const job = await oneStep(() => {
        calls += 1;
        return calls === 1 ? promise : { text: "second" };
      });
      const detail = { tenant, jobId: job.jobId, seq: 2, stepIds: ["s/0"] };
      // The first worker's clock stands still, so that its own timeout does not end it.
      const frozen = { ...job.runtimeOf("worker-0"), clock: { now: () => job.clock.now(), setTimer: () => () => {} } };
      const late = work({ capability: "only", detail }, frozen);
      await settle();
      await job.clock.advance(80_000);
      if (superseded) await work({ capability: "only", detail }, job.runtimeOf("worker-2"));
      resolve({ text: "first" });
      // A conflict is followed by a short wait.
      await job.clock.advance(1_000);
      await late;
      expect(await job.state()).toMatchObject({ output: [{ text: superseded ? "second" : "first" }] });
    }
  });
});
