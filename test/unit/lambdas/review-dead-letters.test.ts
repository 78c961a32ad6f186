import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { advanceJob } from "../../../lambdas/advance/advance.ts";
import { cancelJob, discardDeadLetters, redriveJob } from "../../../lambdas/commands/commands.ts";
import { reconcile } from "../../../lambdas/reconciler/reconciler.ts";
import { submit } from "../../../lambdas/submit/submit.ts";
import { work } from "../../../lambdas/worker/worker.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { advanceQueue, topics } from "../../../src/contract/messages.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { SET_ASIDE_MS } from "../../../src/core/judge-dead-letter.ts";
import { MAX_RECEIVES } from "../../../src/core/ports.ts";
import { readCommits, readState } from "../../../src/core/read-job.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { createRuntime } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { TerminalError } from "../../../src/index.ts";
import { message, newJobId } from "../../../src/testing/contracts/fixtures.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Text = z.object({ text: z.string() });
const tenant = "acme" as TenantId;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A job of one step, which fails for good unless its text is "works"; its workflow throws after the step while `broken`. */
async function oneStep(text: string, { broken = false, deadlineMs = 604_800_000 } = {}) {
  const only = defineCapability({
    name: "only",
    input: Text,
    output: Text,
    run(input) {
      if (input.text !== "works") throw new TerminalError("hopeless");
      return input;
    },
  });
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: Text,
    async run(job, input) {
      const answer = await job.step("only", only, input);
      if (broken) throw new Error("a bug");
      return answer;
    },
  });
  const app = defineApp({ workflows: [flow], capabilities: [only] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  const runtime = createRuntime(engine, { app, resources: {} as Resources, logger: silent });
  const request = { workflow: "flow", input: { text }, options: { deadlineMs } };
  const { job } = await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
  const jobId = job.id as JobId;
  const { queue } = engine;
  return {
    engine,
    runtime,
    clock,
    queue,
    jobId,
    of: { tenant, jobId },
    state: async () => (await readState(engine, jobId)) ?? expect.fail("the job is gone"),
    events: async () => (await readCommits(engine, jobId)).commits.flatMap(({ events }) => events),
    letters: (name = "only") => queue.deadLetters(name, 10),
    async workOff() {
      for (const delivery of await queue.receive("only", 10, 60_000)) {
        await work({ capability: "only", detail: delivery.message.detail }, runtime);
        await queue.ack([delivery]);
      }
    },
    /** Whoever takes a message of the queue dies with it, until the queue sets it aside. */
    async kill(name = "only") {
      for (let receives = 0; receives <= MAX_RECEIVES; receives++) {
        for (const delivery of await queue.receive(name, 10, 60_000)) await queue.retryLater(delivery, 0);
      }
      await clock.advance(0);
    },
  };
}

type OneStep = Awaited<ReturnType<typeof oneStep>>;

async function deadLettered(options?: Parameters<typeof oneStep>[1]): Promise<OneStep> {
  const job = await oneStep("fails", options);
  await job.workOff();
  expect(await job.letters()).toHaveLength(1);
  return job;
}

describe("a dead letter", () => {
  test("that waits for a person stays, however often it is looked at", async () => {
    const job = await deadLettered();
    const letters = await job.letters();
    for (let runs = 0; runs < 3; runs++) await reconcile(job.runtime);
    expect(await job.letters()).toEqual(letters);
    expect(await job.state()).toMatchObject({ status: "dead-lettered" });
  });

  test.each<[string, (job: OneStep) => Promise<unknown>]>([
    ["was redriven", ({ of, runtime }) => redriveJob(of, { stepId: "only" }, runtime)],
    ["was answered by hand", ({ of, runtime }) => redriveJob(of, { stepId: "only", result: { text: "so" } }, runtime)],
    ["was discarded", ({ of, runtime }) => discardDeadLetters(of, { reason: "not needed" }, runtime)],
    ["belongs to a job that was cancelled", ({ of, runtime }) => cancelJob(of, undefined, runtime)],
    ["belongs to a job whose deadline came", ({ clock }) => clock.advance(604_800_001)],
  ])("that %s is removed", async (_, decide) => {
    const job = await deadLettered();
    await decide(job);
    // A deadline is what this very run may have to see to first.
    for (let runs = 0; runs < 2; runs++) await reconcile(job.runtime);
    expect(await job.letters()).toEqual([]);
  });

  test("of an earlier failure is removed, that of the last one stays", async () => {
    const job = await deadLettered();
    await redriveJob(job.of, { stepId: "only" }, job.runtime);
    await job.workOff();
    expect(await job.letters()).toHaveLength(2);
    await reconcile(job.runtime);
    const { seq } = (await job.state()).steps.get("only")?.deadLettered ?? expect.fail("it is not dead-lettered");
    expect((await job.letters()).map((letter) => letter.seq)).toEqual([seq]);
  });

  test("that is there twice stays once", async () => {
    const job = await deadLettered();
    const [letter] = await job.letters();
    if (letter?.seq === undefined) throw new Error("there is no dead letter");
    await job.queue.deadLetter("only", letter.message, { reason: letter.reason, seq: letter.seq });
    await reconcile(job.runtime);
    expect((await job.letters()).map(({ seq }) => seq)).toEqual([letter.seq]);
  });

  test("of a job that is gone is removed", async () => {
    const job = await oneStep("works");
    const strange = message(topics.requested("only"), { jobId: newJobId(), stepIds: ["only"] });
    await job.queue.deadLetter("only", strange, { reason: "received too often" });
    await reconcile(job.runtime);
    expect(await job.letters()).toEqual([]);
  });

  test("of a workflow waits and goes like any other", async () => {
    const job = await oneStep("works", { broken: true });
    await job.workOff();
    const queueName = advanceQueue("flow");
    for (let tries = 0; tries < 3; tries++) {
      await job.clock.advance(10_000);
      const detail = { tenant, jobId: job.jobId, seq: (await job.state()).seq };
      await advanceJob("flow", detail, job.runtime);
    }
    expect(await job.letters(queueName)).toHaveLength(1);
    await reconcile(job.runtime);
    expect(await job.letters(queueName)).toHaveLength(1);
    await discardDeadLetters(job.of, { reason: "never mind" }, job.runtime);
    await reconcile(job.runtime);
    expect(await job.letters(queueName)).toEqual([]);
  });
});

describe("a message that its queue has set aside", () => {
  /** Everybody who takes it dies, also when it is asked for again. */
  async function poisoned(): Promise<OneStep> {
    const job = await oneStep("works");
    await job.kill();
    for (const endMs = job.clock.now() + SET_ASIDE_MS; job.clock.now() <= endMs; ) {
      expect(await job.state()).toMatchObject({ status: "running" });
      await reconcile(job.runtime);
      await job.kill();
      await job.clock.advance(60_000);
    }
    return job;
  }

  test("and that nobody takes when it is asked for again becomes a dead letter of the log, once", async () => {
    const job = await poisoned();
    await reconcile(job.runtime);
    const [given, ...others] = (await job.events()).filter(({ type }) => type === "step.dead_lettered");
    expect(others).toEqual([]);
    expect(given).toMatchObject({
      stepId: "only",
      capability: "only",
      attempt: 0,
      error: { name: "SetAsideError", message: expect.stringContaining(`received ${MAX_RECEIVES} times`) },
    });
    await reconcile(job.runtime);
    const { seq } = (await job.state()).steps.get("only")?.deadLettered ?? expect.fail("it is not dead-lettered");
    expect(await job.letters()).toMatchObject([{ seq, message: { detail: { seq } } }]);
    const [letter] = await job.letters();
    // Moved back to its queue, it is a person's redrive.
    await work({ capability: "only", detail: letter?.message.detail ?? expect.fail() }, job.runtime);
    expect(await job.state()).toMatchObject({ status: "completed" });
    expect((await job.events()).map(({ type }) => type)).toContain("step.redriven");
  });

  test("and that somebody takes when it is asked for again is removed, and costs nothing", async () => {
    const job = await oneStep("works");
    await job.kill();
    expect(await job.letters()).toMatchObject([{ reason: expect.stringContaining("without being handled") }]);
    await reconcile(job.runtime);
    expect(await job.letters()).toHaveLength(1);
    await job.clock.advance(61_000);
    await reconcile(job.runtime);
    await job.workOff();
    expect(await job.state()).toMatchObject({ status: "completed" });
    await reconcile(job.runtime);
    expect(await job.letters()).toEqual([]);
    expect((await job.events()).map(({ type }) => type)).not.toContain("step.dead_lettered");
  });

  test("is given up only when what was asked for anew has had its turn in the queue's backlog", async () => {
    const job = await oneStep("works");
    await job.kill();
    const age = 10 * 60_000;
    const queue = Object.assign(Object.create(job.queue), {
      deadLetter: job.queue.deadLetter.bind(job.queue),
      reviewDeadLetters: job.queue.reviewDeadLetters.bind(job.queue),
      backlog: async () => ({ ready: 9, oldestAgeMs: age }),
    });
    await job.clock.advance(SET_ASIDE_MS + 2 * age);
    await reconcile({ ...job.runtime, queue });
    expect(await job.state()).toMatchObject({ status: "running" });
    await job.clock.advance(age);
    await reconcile({ ...job.runtime, queue });
    expect(await job.state()).toMatchObject({ status: "dead-lettered" });
  });

  test("after a call was begun says that its outcome is unknown", async () => {
    const job = await oneStep("works");
    const about = { stepId: "only", capability: "only", attempt: 1 };
    await job.runtime.writer.update(job.jobId, (_, nowMs) => {
      const lease = { holder: "somebody else", until: new Date(nowMs + 15_000).toISOString() };
      return { events: [{ type: "step.started", ...about, lease }], result: undefined };
    });
    await job.clock.advance(16_000);
    await job.kill();
    await job.clock.advance(SET_ASIDE_MS);
    await reconcile(job.runtime);
    expect((await job.events()).slice(-2)).toMatchObject([
      { type: "step.in_doubt", ...about, policy: "hold" },
      { type: "step.dead_lettered", ...about },
    ]);
  });

  test("of a step that was given up before its letter was sent is replaced by that letter", async () => {
    const job = await oneStep("works");
    await job.kill();
    const error = { name: "SetAsideError", message: "by a reconciler that died" };
    await job.runtime.writer.update(job.jobId, () => ({
      events: [{ type: "step.dead_lettered", stepId: "only", capability: "only", attempt: 0, error }],
      result: undefined,
    }));
    await reconcile(job.runtime);
    const { seq } = await job.state();
    expect(await job.letters()).toMatchObject([{ seq, message: { detail: { jobId: job.jobId, stepIds: ["only"] } } }]);
  });

  test("of a step that was asked for anew since then is removed: its own message is on its way", async () => {
    const job = await oneStep("works");
    await job.kill();
    await job.clock.advance(SET_ASIDE_MS - 1_000);
    const error = { name: "SomeError", message: "by hand" };
    await job.runtime.writer.update(job.jobId, () => ({
      events: [{ type: "step.dead_lettered", stepId: "only", capability: "only", attempt: 0, error }],
      result: undefined,
    }));
    await redriveJob(job.of, {}, job.runtime);
    await job.clock.advance(2_000);
    await reconcile(job.runtime);
    expect(await job.letters()).toEqual([]);
    expect(await job.state()).toMatchObject({ status: "running" });
  });

  test("of a workflow becomes its dead letter, which discarding ends", async () => {
    const job = await oneStep("works", { broken: true });
    await job.workOff();
    const queueName = advanceQueue("flow");
    await job.kill(queueName);
    expect(await job.letters(queueName)).toHaveLength(1);
    await job.clock.advance(SET_ASIDE_MS);
    await reconcile(job.runtime);
    const state = await job.state();
    expect(state).toMatchObject({ status: "dead-lettered", advance: { error: { name: "SetAsideError" }, attempt: 1 } });
    await reconcile(job.runtime);
    const letters = await job.letters(queueName);
    expect(letters).toMatchObject([{ seq: state.advance?.deadLettered?.seq }]);
    expect(letters[0]?.message.detail).not.toHaveProperty("stepIds");
  });

  test("and that asks for nothing is removed, whoever sent it", async () => {
    const job = await oneStep("works");
    const strange = message(topics.requested("only"), { tenant, jobId: job.jobId });
    await job.queue.deadLetter("only", strange, { reason: "received too often" });
    await job.clock.advance(SET_ASIDE_MS);
    await reconcile(job.runtime);
    expect(await job.letters()).toEqual([]);
    expect((await job.state()).advance).toBeUndefined();
  });
});

test("dead letters that cannot be looked at keep nothing else from being done", async () => {
  const job = await deadLettered();
  await cancelJob(job.of, undefined, job.runtime);
  const { app, resources } = job.runtime;
  const said: string[] = [];
  const logger = { ...silent, error: (what: string) => void said.push(what) };
  const queue = Object.assign(Object.create(job.queue), {
    deadLetter: job.queue.deadLetter.bind(job.queue),
    backlog: job.queue.backlog.bind(job.queue),
    reviewDeadLetters: (name: string, ...more: [never, never]) =>
      name === "only"
        ? Promise.reject(new Error("the queue does not answer"))
        : job.queue.reviewDeadLetters(name, ...more),
  });
  await job.clock.advance(61_000);
  await reconcile(createRuntime({ ...job.engine, queue }, { app, resources, logger }));
  expect(said).toEqual(["dead letters could not be reviewed"]);
  expect(await job.letters()).toHaveLength(1);
});
