import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { advanceJob } from "../../../lambdas/advance/advance.ts";
import { reconcile } from "../../../lambdas/reconciler/reconciler.ts";
import { submit } from "../../../lambdas/submit/submit.ts";
import { work } from "../../../lambdas/worker/worker.ts";
import type { SubmitRequest } from "../../../src/contract/api.ts";
import { eventsOf } from "../../../src/contract/events.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow, type Job } from "../../../src/core/define-workflow.ts";
import { readCommits } from "../../../src/core/read-job.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { createRuntime, type Runtime } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Text = z.object({ text: z.string() });
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const tenant = "acme" as TenantId;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

const only = defineCapability({ name: "only", input: Text, output: Text, run: (input) => input });
const other = defineCapability({ name: "other", input: Text, output: Text, run: (input) => input });

/** A job that waits for times, and a reconciler that looks each minute. */
async function sleeper(
  run: (job: Job, input: { text: string }) => Promise<unknown>,
  options: SubmitRequest["options"] = {},
) {
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: Text,
    async run(job, input) {
      await run(job, input);
      return input;
    },
  });
  const app = defineApp({ workflows: [flow], capabilities: [only, other] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  const runtimeOf = (holder: string): Runtime =>
    createRuntime({ ...engine, holder, isGone: () => false }, { app, resources: {} as Resources, logger: silent });
  const runtime = runtimeOf("worker");
  const about = { tenant, idempotencyKey: undefined, traceparent: undefined };
  const { job } = await submit({ ...about, request: { workflow: "flow", input: { text: "in" }, options } }, runtime);
  const jobId = job.id as JobId;
  const counts = { looks: 0, advances: 0 };
  const step = async (
    queue: string,
    by: (delivery: { message: { detail: never } }) => Promise<{ retryAfterMs: number | undefined }>,
  ) => {
    for (const delivery of await engine.queue.receive(queue, 10, MINUTE_MS)) {
      const { retryAfterMs } = await by(delivery as never);
      if (retryAfterMs === undefined) await engine.queue.ack([delivery]);
      else await engine.queue.retryLater(delivery, retryAfterMs);
    }
  };
  return {
    engine,
    clock,
    runtime,
    runtimeOf,
    jobId,
    counts,
    events: async () => (await readCommits(engine, jobId)).commits.flatMap(eventsOf),
    wakeAtMs: async () => (await engine.index.list({ tenant, limit: 1 })).jobs[0]?.wakeAtMs,
    /** Lets time pass a minute at a time; `lossy` loses all messages of the workflow's own. */
    async pass(ms: number, { lossy = false } = {}) {
      for (const untilMs = clock.now() + ms; clock.now() < untilMs; ) {
        await clock.advance(Math.min(MINUTE_MS, untilMs - clock.now()));
        counts.looks += (await reconcile(runtime)).jobs;
        if (lossy) await engine.queue.ack(await engine.queue.receive("flow.advance", 10, MINUTE_MS));
        await step("flow.advance", ({ message }) => {
          counts.advances += 1;
          return advanceJob("flow", message.detail, runtime);
        });
        await step("only", ({ message }) => work({ capability: "only", detail: message.detail }, runtime));
      }
    },
  };
}

type Sleeper = Awaited<ReturnType<typeof sleeper>>;
/** When its first event of this type was written. */
const timeOf = async (job: Sleeper, type: string): Promise<number> => {
  const event = (await job.events()).find((event) => event.type === type);
  return Date.parse(event?.time ?? "");
};

test.each([
  ["first of all", async (job: Job) => job.sleep("nap", 3 * DAY_MS)],
  [
    "after a step",
    async (job: Job, input: { text: string }) => {
      await job.step("s", only, input);
      await job.sleep("nap", 3 * DAY_MS);
    },
  ],
])("a sleep of three days %s costs a few looks, and ends in time", async (_, run) => {
  const job = await sleeper(run);
  await job.pass(3 * DAY_MS - MINUTE_MS);
  // After a minute, and then after twice as long each time.
  expect(job.counts.looks).toBeLessThanOrEqual(14);
  expect(job.counts.advances).toBeLessThanOrEqual(14);
  await job.pass(3 * MINUTE_MS);
  const events = await job.events();
  expect(events.at(-1)?.type).toBe("job.completed");
  const fireAtMs = Date.parse(events.find((event) => event.type === "timer.set")?.fireAt ?? "");
  const lateMs = (await timeOf(job, "timer.fired")) - fireAtMs;
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThanOrEqual(MINUTE_MS);
});

test("a start of days ahead costs a few looks, and comes in time", async () => {
  const startMs = Date.UTC(2030, 0, 1) + 3 * DAY_MS;
  const job = await sleeper(async (job, input) => job.step("s", only, input), {
    startAt: new Date(startMs).toISOString(),
    deadlineMs: HOUR_MS,
  });
  await job.pass(3 * DAY_MS - MINUTE_MS);
  expect(job.counts.looks).toBeLessThanOrEqual(14);
  expect((await job.events()).map(({ type }) => type)).toEqual(["job.submitted"]);
  await job.pass(3 * MINUTE_MS);
  expect((await job.events()).at(-1)?.type).toBe("job.completed");
  expect((await timeOf(job, "step.requested")) - startMs).toBeLessThanOrEqual(MINUTE_MS);
});

test("a job that sleeps beside a step goes on being looked at for the step's sake", async () => {
  const job = await sleeper((job, input) => Promise.all([job.sleep("nap", 3 * DAY_MS), job.step("s", other, input)]));
  await job.pass(DAY_MS);
  expect(((await job.wakeAtMs()) ?? 0) - job.clock.now()).toBeLessThanOrEqual(15 * MINUTE_MS);
});

test("a job that sleeps and whose workflow fails meanwhile goes on being looked at for its sake", async () => {
  let isBroken = false;
  const job = await sleeper(async (job) => {
    if (isBroken) throw new Error("a bug");
    await job.sleep("nap", 3 * DAY_MS);
  });
  await job.pass(6 * HOUR_MS);
  isBroken = true;
  await advanceJob("flow", { tenant, jobId: job.jobId, seq: 2 }, job.runtime);
  expect((await job.events()).at(-1)?.type).toBe("step.failed");
  await job.engine.index.change(job.jobId, { wakeAtMs: job.clock.now() + HOUR_MS });
  await job.pass(HOUR_MS, { lossy: true });
  expect(((await job.wakeAtMs()) ?? 0) - job.clock.now()).toBeLessThanOrEqual(15 * MINUTE_MS);
});

test.each([
  ["a time", { deadlineMs: 2 * DAY_MS }, HOUR_MS],
  ["its deadline", { deadlineMs: 40 * MINUTE_MS }, 40 * MINUTE_MS],
])("a job is woken no later than at %s, however long it has stood still", async (_, options, sooner) => {
  const job = await sleeper((job) => job.sleep("nap", HOUR_MS), options);
  const fromMs = job.clock.now();
  await job.pass(33 * MINUTE_MS);
  expect(((await job.wakeAtMs()) ?? 0) - fromMs).toBe(sooner);
});

test("a time whose messages are all lost ends its sleep at the next look after one is not", async () => {
  const job = await sleeper((job) => job.sleep("nap", 10 * MINUTE_MS));
  await job.pass(11 * MINUTE_MS, { lossy: true });
  expect((await job.events()).at(-1)?.type).toBe("timer.set");
  await job.pass(16 * MINUTE_MS);
  expect((await job.events()).slice(-2).map(({ type }) => type)).toEqual(["timer.fired", "job.completed"]);
});

test("a time that has no message yet is kept although other queues have a backlog", async () => {
  const job = await sleeper((job) => job.sleep("nap", 20 * MINUTE_MS));
  const detail = { tenant, jobId: job.jobId, seq: 1, stepIds: ["s"] };
  await job.engine.queue.defer("other", { topic: "ai.other.requested", detail }, 0);
  await job.pass(22 * MINUTE_MS);
  const lateMs = (await timeOf(job, "timer.fired")) - (await timeOf(job, "timer.set")) - 20 * MINUTE_MS;
  expect(lateMs).toBeLessThanOrEqual(MINUTE_MS);
});

test("a timer goes off once, although two reconcilers look at once and each of their messages comes twice", async () => {
  const job = await sleeper(async (job, input) => {
    await job.sleep("nap", 10 * MINUTE_MS);
    await job.step("s", only, input);
  });
  await job.engine.queue.ack(await job.engine.queue.receive("flow.advance", 10, MINUTE_MS));
  await job.clock.advance(10 * MINUTE_MS);
  const processes = ["one", "two"].map(job.runtimeOf);
  await Promise.all(processes.map((runtime) => reconcile(runtime)));
  const messages = await job.engine.queue.receive("flow.advance", 10, MINUTE_MS);
  expect(messages.length).toBeGreaterThanOrEqual(2);
  const advancing = Promise.all(
    messages.flatMap(({ message }) => processes.map((runtime) => advanceJob("flow", message.detail, runtime))),
  );
  // Those who collide look again after a short wait.
  await job.clock.advance(5_000);
  await advancing;
  expect((await job.events()).map(({ type }) => type)).toEqual([
    "job.submitted",
    "timer.set",
    "timer.fired",
    "step.requested",
  ]);
  expect((await job.engine.queue.stats("only")).ready).toBe(1);
});

test("a message that comes before its time is put off until then, at most for as long as a queue can", async () => {
  const job = await sleeper((job) => job.sleep("nap", DAY_MS));
  const at = job.clock.now() + 20 * MINUTE_MS;
  await advanceJob("flow", { tenant, jobId: job.jobId, seq: 2, at }, job.runtime);
  await job.clock.advance(15 * MINUTE_MS - 1);
  expect((await job.engine.queue.stats("flow.advance")).ready).toBe(0);
  await job.clock.advance(1);
  const [again] = await job.engine.queue.receive("flow.advance", 10, MINUTE_MS);
  expect(again?.message.detail.at).toBe(at);
  expect((await job.events()).at(-1)?.type).toBe("timer.set");
});
