import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { work } from "../../lambdas/worker/worker.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { PublishingError } from "../../src/core/errors.ts";
import type { Resources } from "../../src/core/resources.ts";
import { systemClock } from "../../src/engines/shared/system-clock.ts";
import { defineApp, defineCapability, defineWorkflow, TerminalError } from "../../src/index.ts";
import type { BusEnvelope } from "../../src/testing/local-aws/event-bus.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";

// What a crash leaves that comes between an append and what follows from it: a commit is in the log, and nothing else happened.

const Text = z.object({ text: z.string() });
const echo = defineCapability({ name: "echo", input: Text, output: Text, run: (input) => input });
const twice = defineWorkflow({
  name: "twice",
  input: Text,
  output: Text,
  run: async (job, input) => job.step("second", echo, await job.step("first", echo, input)),
});
let repaired = false;
const repairable = defineCapability({
  name: "repairable",
  input: Text,
  output: Text,
  run: (input) => {
    if (repaired) return input;
    throw new TerminalError("not yet");
  },
});
const once = defineWorkflow({
  name: "once",
  input: Text,
  output: Text,
  run: (job, input) => job.step("only", repairable, input),
});
const app = defineApp({ workflows: [twice, once], capabilities: [echo, repairable] });
const tenant = "acme" as TenantId;

let aheadMs = 0;
let deployment: LocalDeployment;
let ends: BusEnvelope[] = [];

beforeEach(async () => {
  aheadMs = 0;
  ends = [];
  const clock = { ...systemClock, now: () => Date.now() + aheadMs };
  deployment = await deployLocally({ app, resources: {} as Resources, clock });
  deployment.aws.eventBus.addRule({
    pattern: { source: ["sluice"], "detail-type": ["ai.twice.completed", "ai.twice.failed"] },
    deliver: async (event) => void ends.push(event),
  });
});
afterEach(() => deployment.close());

const submit = async (): Promise<JobId> => (await deployment.submit("twice", { text: "x" })).body.id as JobId;
const step = (jobId: JobId, id: string, seq: number) =>
  work({ capability: "echo", detail: { tenant, jobId, stepIds: [id], seq } }, deployment.newRuntime());
const listed = async () => (await deployment.newRuntime().index.list({ tenant, limit: 10 })).jobs;

/** Heads cannot be changed while this lasts. */
function breakHeads(): { readonly broken: number; mend(): void } {
  let [broken, active] = [0, true];
  deployment.aws.clients.dynamoDb.middlewareStack.add(
    (next, context) => async (args) => {
      if (!active || context.commandName !== "UpdateItemCommand") return next(args);
      broken += 1;
      throw new Error("the process is gone");
    },
    { step: "initialize", name: "breakHeads" },
  );
  return {
    get broken() {
      return broken;
    },
    mend() {
      active = false;
    },
  };
}

test("a job whose end did not reach the list is found by the reconciler, announced again and listed as ended", async () => {
  const jobId = await submit();
  await step(jobId, "first", 2);
  const heads = breakHeads();
  expect(await step(jobId, "second", 5)).toEqual({ retryAfterMs: undefined });
  expect(heads.broken).toBe(1);
  expect((await deployment.job(jobId)).body.status).toBe("completed");
  expect(await listed()).toMatchObject([{ jobId, status: "running" }]);
  heads.mend();
  aheadMs = 61_000;
  await deployment.reconcile();
  expect(await listed()).toMatchObject([{ jobId, status: "completed", wakeAtMs: undefined }]);
  expect(ends.map((event) => event.detail)).toMatchObject([{ jobId }, { jobId }]);
  aheadMs = 3_600_000;
  await deployment.reconcile();
  expect(ends).toHaveLength(2);
});

test("an end that the bus did not take is announced by the reconciler, and listed only then", async () => {
  const jobId = await submit();
  await step(jobId, "first", 2);
  deployment.aws.eventBus.fault = () => "refuse";
  await expect(step(jobId, "second", 5)).rejects.toBeInstanceOf(PublishingError);
  expect(await listed()).toMatchObject([{ jobId, status: "running" }]);
  deployment.aws.eventBus.fault = () => "take";
  aheadMs = 61_000;
  await deployment.reconcile();
  expect(ends.map((event) => event["detail-type"])).toEqual(["ai.twice.completed"]);
  expect(await listed()).toMatchObject([{ jobId, status: "completed", wakeAtMs: undefined }]);
});

test("a job of which the bus took nothing is accepted all the same, and runs once the reconciler has looked at it", async () => {
  deployment.aws.eventBus.fault = () => "refuse";
  const accepted = await deployment.submit("twice", { text: "x" });
  expect(accepted.status).toBe(202);
  deployment.aws.eventBus.fault = () => "take";
  deployment.startWorkers();
  aheadMs = 61_000;
  await deployment.reconcile();
  expect(await deployment.ended(accepted.body.id)).toMatchObject({ status: "completed" });
});

test("a result whose next step the bus did not take is recorded once, and its message comes again and publishes it", async () => {
  const jobId = await submit();
  deployment.aws.eventBus.fault = () => "refuse";
  await expect(step(jobId, "first", 2)).rejects.toBeInstanceOf(PublishingError);
  deployment.aws.eventBus.fault = () => "take";
  const { entries } = deployment.aws.eventBus;
  aheadMs = 5_000;
  expect(await step(jobId, "first", 2)).toEqual({ retryAfterMs: undefined });
  expect(deployment.aws.eventBus.entries - entries).toBeGreaterThan(0);
  const { events } = (await deployment.events(jobId)).body;
  expect(events.filter(({ type }) => type === "step.completed")).toHaveLength(1);
  deployment.startWorkers();
  expect(await deployment.ended(jobId)).toMatchObject({ status: "completed" });
});

test("a cancel that the bus does not take is done, and announced by the reconciler", async () => {
  const jobId = await submit();
  deployment.aws.eventBus.fault = () => "refuse";
  expect(await deployment.command("cancel", jobId)).toMatchObject({ status: 200, body: { status: "cancelled" } });
  expect(ends).toEqual([]);
  deployment.aws.eventBus.fault = () => "take";
  aheadMs = 61_000;
  await deployment.reconcile();
  expect(ends).toMatchObject([{ "detail-type": "ai.twice.failed", detail: { jobId } }]);
  expect(await listed()).toMatchObject([{ jobId, status: "cancelled", wakeAtMs: undefined }]);
});

test("a redrive that the bus does not take is done, and published by the reconciler", async () => {
  repaired = false;
  deployment.startWorkers();
  const { id } = (await deployment.submit("once", { text: "x" })).body;
  await deployment.ended(id, ["dead-lettered"]);
  repaired = true;
  deployment.aws.eventBus.fault = () => "refuse";
  expect(await deployment.command("redrive", id)).toMatchObject({ status: 200, body: { status: "running" } });
  deployment.aws.eventBus.fault = () => "take";
  aheadMs = 61_000;
  await deployment.reconcile();
  expect(await deployment.ended(id)).toMatchObject({ status: "completed" });
});

test("announcing a job again is refused as an outage while the bus takes nothing", async () => {
  const jobId = await submit();
  deployment.aws.eventBus.fault = () => "refuse";
  expect(await deployment.command("redeliver", jobId)).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
});
