import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { reconcile } from "../../../lambdas/reconciler/reconciler.ts";
import { submit } from "../../../lambdas/submit/submit.ts";
import { work } from "../../../lambdas/worker/worker.ts";
import type { EventBody } from "../../../src/contract/events.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { UnavailableError } from "../../../src/core/errors.ts";
import type { HeadChange, JobIndex } from "../../../src/core/ports.ts";
import { readState } from "../../../src/core/read-job.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { createRuntime } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Text = z.object({ text: z.string() });
const tenant = "acme" as TenantId;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function submitted(deadlineMs?: number) {
  const only = defineCapability({ name: "only", input: Text, output: Text, run: (input) => input });
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: Text,
    run: (job, input) => job.step("only", only, input),
  });
  const app = defineApp({ workflows: [flow], capabilities: [only] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  const runtime = createRuntime(engine, { app, resources: {} as Resources, logger: silent });
  const options = deadlineMs === undefined ? {} : { options: { deadlineMs } };
  const request = { workflow: "flow", input: { text: "in" }, ...options };
  const { job } = await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
  const jobId = job.id as JobId;
  return { engine, runtime, clock, jobId, state: () => readState(engine, jobId) };
}

test("a message that was lost is published again, and the job ends", async () => {
  const { engine, runtime, clock, jobId, state } = await submitted();
  await engine.queue.ack(await engine.queue.receive("only", 10, 1_000));
  expect((await engine.queue.stats("only")).ready).toBe(0);
  await clock.advance(61_000);
  expect(await reconcile(runtime)).toEqual({ jobs: 1 });
  const [again] = await engine.queue.receive("only", 10, 1_000);
  expect(again?.message.detail).toMatchObject({ jobId, stepIds: ["only"] });
  if (again) await work({ capability: "only", detail: again.message.detail }, runtime);
  expect(await state()).toMatchObject({ status: "completed" });
});

test("those who watch are told again of a job that has begun, at its first look and not for long after it", async () => {
  const { runtime, clock, jobId } = await submitted();
  const told: unknown[] = [];
  const watchers = {
    committed() {},
    async settled() {},
    again: (job: { readonly jobId: JobId; readonly tenant: TenantId }) => void told.push([job.jobId, job.tenant]),
  };
  await clock.advance(61_000);
  await reconcile({ ...runtime, watchers });
  expect(told).toEqual([[jobId, tenant]]);
  await clock.advance(120_000);
  expect(await reconcile({ ...runtime, watchers })).toEqual({ jobs: 1 });
  expect(told).toHaveLength(1);
});

test("a healthy backlog is not published again", async () => {
  const { engine, runtime, clock } = await submitted();
  await clock.advance(61_000);
  await reconcile(runtime);
  expect((await engine.queue.stats("only")).ready).toBe(1);
});

test("a job past its deadline expires, at the deadline", async () => {
  const { runtime, clock, engine, jobId, state } = await submitted(5_000);
  await clock.advance(5_001);
  await reconcile(runtime);
  expect(await state()).toMatchObject({ status: "expired" });
  const { jobs } = await engine.index.list({ tenant, limit: 10 });
  expect(jobs).toMatchObject([{ jobId, status: "expired", wakeAtMs: undefined }]);
  const [late] = await engine.queue.receive("only", 10, 1_000);
  if (late) await work({ capability: "only", detail: late.message.detail }, runtime);
  expect(await state()).toMatchObject({ status: "expired" });
});

test("more jobs than fit in one batch are looked at in one run, as long as there is time", async () => {
  const { runtime, clock } = await submitted();
  for (let n = 0; n < 450; n++) {
    const request = { workflow: "flow", input: { text: `in ${n}` } };
    await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
  }
  await clock.advance(61_000);
  expect(await reconcile(runtime)).toEqual({ jobs: 200 });
  expect(await reconcile(runtime, clock.now() + 1_000)).toEqual({ jobs: 251 });
  expect(await reconcile(runtime, clock.now() + 1_000)).toEqual({ jobs: 0 });
});

test("a step whose message was lost is asked for again while the rest of its job goes on", async () => {
  const one = defineCapability({ name: "one", input: Text, output: Text, run: (input) => input });
  const lost = defineCapability({ name: "lost", input: Text, output: Text, run: (input) => input });
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: Text,
    async run(job, input) {
      const chain = async () => {
        for (let n = 0; n < 9; n++) await job.step(`one/${n}`, one, input);
        return input;
      };
      await Promise.all([chain(), job.step("lost", lost, input)]);
      return input;
    },
  });
  const app = defineApp({ workflows: [flow], capabilities: [one, lost] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  const runtime = createRuntime(engine, { app, resources: {} as Resources, logger: silent });
  const request = { workflow: "flow", input: { text: "in" } };
  await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
  await engine.queue.ack(await engine.queue.receive("lost", 10, 1_000));
  let again = 0;
  for (let n = 0; n < 9; n++) {
    const [next] = await engine.queue.receive("one", 10, 1_000);
    if (!next) throw new Error("the chain does not go on");
    await work({ capability: "one", detail: next.message.detail }, runtime);
    await engine.queue.ack([next]);
    await clock.advance(31_000);
    await reconcile(runtime);
    const found = await engine.queue.receive("lost", 10, 1_000);
    again += found.length;
    await engine.queue.ack(found);
  }
  // After 62 s, and then less and less often: whoever asks every minute fills a queue that only is slow.
  expect(again).toBe(3);
});

test.each([
  ["an outage", new UnavailableError("the service does not answer"), 60_000],
  ["a log that cannot be read", new TypeError("a commit's item has no body"), 900_000],
])("after %s a job is looked at again in time", async (_, error, waitMs) => {
  const { engine, runtime, clock, jobId } = await submitted();
  await clock.advance(61_000);
  const read = () => Promise.reject(error);
  const log = {
    read,
    tail: read,
    append: (...commit: Parameters<typeof engine.log.append>) => engine.log.append(...commit),
  };
  const { app, resources, logger } = runtime;
  await reconcile(createRuntime({ ...engine, log }, { app, resources, logger }));
  expect((await engine.index.list({ tenant, limit: 10 })).jobs).toMatchObject([
    { jobId, wakeAtMs: clock.now() + waitMs },
  ]);
});

test("a job that ends while it is looked at is not listed with another wake-up", async () => {
  const { engine, runtime, clock, jobId, state } = await submitted();
  await engine.queue.ack(await engine.queue.receive("only", 10, 1_000));
  await clock.advance(61_000);
  const { app, resources, logger } = runtime;
  const publish = () => work({ capability: "only", detail: { tenant, jobId, seq: 2, stepIds: ["only"] } }, meanwhile);
  const meanwhile = createRuntime({ ...engine, topics: { publish } } as never, { app, resources, logger });
  const changes: HeadChange[] = [];
  const index: JobIndex = {
    list: (query) => engine.index.list(query),
    due: (...range) => engine.index.due(...range),
    change: async (_, change) => void changes.push(change),
    countRunning: (...of) => engine.index.countRunning(...of),
  };
  await reconcile({ ...meanwhile, index });
  expect(await state()).toMatchObject({ status: "completed" });
  // A head that says that its job has ended is never changed again: a wake-up in it would stay for ever.
  expect(changes).toEqual([{ status: "running", wakeAtMs: expect.any(Number) }]);
});

test.each([
  ["that is further ahead than a message can be", 1_200_000],
  ["whose message is lost", 600_000],
])("a job is woken for a time %s", async (_, sleepMs) => {
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: Text,
    run: async (job, input) => {
      await job.sleep("nap", sleepMs);
      return input;
    },
  });
  const only = defineCapability({ name: "only", input: Text, output: Text, run: (input) => input });
  const app = defineApp({ workflows: [flow], capabilities: [only] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  const runtime = createRuntime(engine, { app, resources: {} as Resources, logger: silent });
  const request = { workflow: "flow", input: { text: "in" } };
  await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
  const firesMs = clock.now() + sleepMs;
  for (let wakeAtMs: number | undefined = clock.now(); wakeAtMs !== undefined && wakeAtMs < firesMs; ) {
    await clock.advance(wakeAtMs - clock.now());
    await reconcile(runtime);
    ({ wakeAtMs } = (await engine.index.list({ tenant, limit: 1 })).jobs[0] ?? {});
    expect(wakeAtMs).toBeLessThanOrEqual(firesMs);
  }
});

test("a fork is woken for its start, like any other job", async () => {
  const { engine, runtime, clock } = await submitted();
  const startMs = clock.now() + 3_000_000;
  const kept: EventBody[] = [
    { type: "step.requested", stepId: "before", capability: "only", input: { text: "in" } },
    { type: "step.completed", stepId: "before", capability: "only", attempt: 0, result: { text: "in" }, by: "fork" },
  ];
  const fork = { jobId: "job_old" as JobId, kept: { seq: 3, events: kept } };
  const request = { workflow: "flow", input: { text: "in" }, options: { startAt: new Date(startMs).toISOString() } };
  const { job } = await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined, fork }, runtime);
  for (let wakeAtMs: number | undefined = clock.now(); wakeAtMs !== undefined && wakeAtMs < startMs; ) {
    await clock.advance(wakeAtMs - clock.now());
    await reconcile(runtime);
    const { jobs } = await engine.index.list({ tenant, limit: 10 });
    ({ wakeAtMs } = jobs.find(({ jobId }) => jobId === job.id) ?? {});
    expect(wakeAtMs).toBeLessThanOrEqual(startMs);
  }
});

test("a bus that is down for a moment puts nothing off by more than a minute", async () => {
  const { engine, runtime, clock } = await submitted();
  await engine.queue.ack(await engine.queue.receive("only", 10, 1_000));
  await clock.advance(61_000);
  const topics = { publish: () => Promise.reject(new Error("throttled")) };
  const { app, resources, logger } = runtime;
  await reconcile(createRuntime({ ...engine, topics }, { app, resources, logger }));
  await clock.advance(61_000);
  await reconcile(runtime);
  expect((await engine.queue.stats("only")).ready).toBe(1);
});
