import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { submit } from "../../../lambdas/submit/submit.ts";
import { work } from "../../../lambdas/worker/worker.ts";
import { eventsOf } from "../../../src/contract/events.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability, type StepContext } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { UnavailableError } from "../../../src/core/errors.ts";
import type { Blobs, EventLog } from "../../../src/core/ports.ts";
import { readCommits } from "../../../src/core/read-job.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { TerminalError } from "../../../src/core/retry.ts";
import { createRuntime, type Ports } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";

/** What a worker does when its log takes a commit and does not say so. */

const Text = z.object({ text: z.string() });
const tenant = "acme" as TenantId;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** What becomes of an append, by what its commit says. */
type Fault = "taken, and no answer" | "not taken" | "taken later" | undefined;

/** A job of some steps on a log with faults. `come` brings a message for them to the worker. */
async function jobOf(
  steps: readonly string[],
  run: (step: StepContext) => unknown,
  faultOf: (body: string) => Fault,
  { isBlobStoreDown = () => false, ...ports }: { isBlobStoreDown?: () => boolean } & Partial<Ports> = {},
) {
  const only = defineCapability({ name: "only", input: Text, output: Text, run: (_, step) => run(step) as never });
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: z.array(Text),
    run: (job, input) => Promise.all(steps.map((id) => job.step(id, only, input))),
  });
  const app = defineApp({ workflows: [flow], capabilities: [only] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  let silentReads = 0;
  const log: EventLog = {
    async append(commit, effects) {
      const fault = faultOf(commit.body);
      if (fault === undefined) return engine.log.append(commit, effects);
      if (fault === "taken later") clock.setTimer(100, () => void engine.log.append(commit, effects));
      if (fault === "taken, and no answer") await engine.log.append(commit, effects);
      // Nor does it answer to whoever asks what became of it, where it was taken.
      silentReads = fault === "taken, and no answer" ? 1 : 0;
      throw new UnavailableError("no answer");
    },
    async read(...range) {
      silentReads -= 1;
      if (silentReads >= 0) throw new UnavailableError("no answer");
      return engine.log.read(...range);
    },
    tail: (...range) => engine.log.tail(...range),
  };
  const blobs: Blobs = {
    get: (ref) => engine.blobs.get(ref),
    async put(jobId, text) {
      if (isBlobStoreDown()) throw new UnavailableError("no answer");
      return engine.blobs.put(jobId, text);
    },
  };
  const runtime = createRuntime(
    { ...engine, log, blobs, ...ports },
    { app, resources: {} as Resources, logger: silent },
  );
  const request = { workflow: "flow", input: { text: "in" } };
  const { job } = await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
  const jobId = job.id as JobId;
  return {
    clock,
    queue: engine.queue,
    come: (request: { endsAtMs?: number } = {}) =>
      work({ capability: "only", detail: { tenant, jobId, seq: 2, stepIds: steps }, ...request }, runtime),
    events: async () => (await readCommits(engine, jobId)).commits.flatMap(eventsOf),
  };
}

const once = (marker: string, fault: Fault): ((body: string) => Fault) => {
  let left = 1;
  return (body) => (body.includes(marker) && left-- > 0 ? fault : undefined);
};

test("a step that was given up reaches the dead letters although nothing said that its failure was on record", async () => {
  const hopeless = () => {
    throw new TerminalError("hopeless");
  };
  const job = await jobOf(["s"], hopeless, once("step.dead_lettered", "taken, and no answer"));
  await job.come();
  const events = await job.events();
  expect(events.at(-1)?.type).toBe("step.dead_lettered");
  expect(await job.queue.deadLetters("only", 10)).toMatchObject([
    { seq: events.at(-1)?.seq, reason: "TerminalError: hopeless" },
  ]);
});

test("a failed attempt comes again although nothing said that its failure was on record", async () => {
  const job = await jobOf(
    ["good", "bad"],
    ({ stepId }) => {
      if (stepId === "bad") throw new Error("for now");
      return { text: "done" };
    },
    once("step.failed", "taken, and no answer"),
  );
  await job.come();
  const outcomes = (await job.events()).slice(-2).map(({ type }) => type);
  expect(outcomes.sort()).toEqual(["step.completed", "step.failed"]);
  // The jitter of its wait may be next to nothing.
  const { ready, delayed } = await job.queue.stats("only");
  expect(ready + delayed).toBe(2 /* the first message, which the test has taken from nobody */);
});

test("streamed text is on record once, although a flush that was given up came through late", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const job = await jobOf(
    ["s"],
    async (step) => {
      step.progress("Hello, ");
      await promise;
      step.progress("world");
      return { text: "Hello, world" };
    },
    once("step.progress", "taken later"),
  );
  const coming = job.come();
  await settle();
  await job.clock.advance(1_000);
  resolve();
  await job.clock.advance(1_000);
  await coming;
  const chunks = (await job.events()).filter((event) => event.type === "step.progress");
  expect(chunks.map(({ offset, text }) => [offset, text])).toEqual([
    [0, "Hello, "],
    [7, "world"],
  ]);
});

test.each(["log", "blob store"])(
  "an answer that the %s does not take for a while is on record when it does, paid once",
  async (which) => {
    let calls = 0;
    let isDown = false;
    const job = await jobOf(
      ["s"],
      () => {
        calls += 1;
        isDown = true;
        return { text: "y".repeat(100_000) };
      },
      () => (isDown && which === "log" ? "not taken" : undefined),
      { isBlobStoreDown: () => isDown && which === "blob store" },
    );
    const coming = job.come();
    await job.clock.advance(30_000);
    expect((await job.events()).at(-1)?.type).toBe("step.started");
    isDown = false;
    await job.clock.advance(5_000);
    expect(await coming).toEqual({ retryAfterMs: undefined });
    expect(calls).toBe(1);
    expect((await job.events()).slice(-2).map(({ type }) => type)).toEqual(["step.completed", "job.completed"]);
    expect(job.clock.nextMs).toBeUndefined();
  },
);

test.each(["not taken", "taken, and no answer", "taken later"] as const)(
  "the end of a stream is on record once, also if it is %s at first",
  async (fault) => {
    let calls = 0;
    const job = await jobOf(
      ["s"],
      (step) => {
        calls += 1;
        step.progress("all of it");
        return { text: "all of it" };
      },
      once('"final":true', fault),
    );
    const coming = job.come();
    await job.clock.advance(10_000);
    await coming;
    const events = await job.events();
    const chunks = events.filter((event) => event.type === "step.progress");
    expect(chunks).toMatchObject([{ offset: 0, text: "all of it", final: true }]);
    expect(events.at(-1)?.type).toBe("job.completed");
    expect(calls).toBe(1);
  },
);

test("the id under which a provider keeps an answer is on record before its call goes on, however long that takes", async () => {
  let isDown = false;
  const kept: string[] = [];
  const job = await jobOf(
    ["s"],
    async (step) => {
      isDown = true;
      step.progress("so far");
      await step.keptAs("answer-1");
      kept.push("answer-1");
      step.progress(", and on");
      return { text: "done" };
    },
    () => (isDown ? "not taken" : undefined),
  );
  const coming = job.come();
  await job.clock.advance(20_000);
  expect(kept).toEqual([]);
  isDown = false;
  await job.clock.advance(5_000);
  await coming;
  expect(kept).toEqual(["answer-1"]);
  const chunks = (await job.events()).filter((event) => event.type === "step.progress");
  expect(chunks).toMatchObject([
    { offset: 0, text: "so far", keptAs: "answer-1" },
    { offset: 6, text: ", and on", final: true },
  ]);
});

test("a failure is tried to be recorded again, too, and counts once", async () => {
  const job = await jobOf(
    ["s"],
    () => {
      throw new Error("for now");
    },
    once("step.failed", "not taken"),
  );
  const coming = job.come();
  await job.clock.advance(1_000);
  expect(await coming).toEqual({ retryAfterMs: expect.any(Number) });
  expect((await job.events()).filter(({ type }) => type === "step.failed")).toHaveLength(1);
});

test("a result that was on record, though nothing said so, has its message come again: what follows may not be published", async () => {
  const job = await jobOf(["s"], () => ({ text: "done" }), once("step.completed", "taken, and no answer"), {
    atomicEffects: false,
  });
  const coming = expect(job.come()).rejects.toThrow("messages of");
  await job.clock.advance(1_000);
  await coming;
  expect((await job.events()).filter(({ type }) => type === "step.completed")).toHaveLength(1);
});

test("an answer whose worker's time ends in an outage is lost: the message that comes again finds it in doubt", async () => {
  let calls = 0;
  let isDown = false;
  const job = await jobOf(
    ["s"],
    (step) => {
      calls += 1;
      isDown = calls === 1;
      step.progress("all of it");
      return { text: "all of it" };
    },
    () => (isDown ? "not taken" : undefined),
  );
  const beganMs = job.clock.now();
  let endedMs: number | undefined;
  const coming = expect(
    job.come({ endsAtMs: beganMs + 40_000 }).finally(() => {
      endedMs = job.clock.now();
    }),
  ).rejects.toThrow("no answer");
  await job.clock.advance(40_000);
  await coming;
  expect((endedMs ?? Number.NaN) - beganMs).toBe(38_000);
  isDown = false;
  await job.clock.advance(35_000);
  await job.come();
  expect(calls).toBe(2);
  expect((await job.events()).map(({ type }) => type)).toContain("step.in_doubt");
  expect((await job.events()).at(-1)?.type).toBe("job.completed");
});
