import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { sendWebhook } from "../../lambdas/webhooks/send-webhook.ts";
import { work } from "../../lambdas/worker/worker.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import type { MessageDetail } from "../../src/contract/messages.ts";
import type { WebhookDelivery } from "../../src/contract/webhooks.ts";
import type { Resources } from "../../src/core/resources.ts";
import { systemClock } from "../../src/engines/shared/system-clock.ts";
import { defineApp, defineCapability, defineWorkflow, TerminalError } from "../../src/index.ts";
import type { BusEnvelope } from "../../src/testing/local-aws/event-bus.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";
import { type Receiver, startReceiver } from "../channels/webhook-receiver.ts";

const Text = z.object({ text: z.string() });
const echo = defineCapability({
  name: "echo",
  input: Text,
  output: Text,
  run: (input) => {
    if (input.text === "doomed") throw new TerminalError("never");
    return input;
  },
});
const flow = defineWorkflow({
  name: "flow",
  input: Text,
  output: Text,
  run: (job, input) => job.step("only", echo, input),
});
const app = defineApp({ workflows: [flow], capabilities: [echo] });
const tenant = "acme" as TenantId;

let aheadMs: number;
let deployment: LocalDeployment;
let receiver: Receiver;
let asked: BusEnvelope[];

beforeEach(async () => {
  aheadMs = 0;
  asked = [];
  const clock = { ...systemClock, now: () => Date.now() + aheadMs };
  deployment = await deployLocally({ app, resources: {} as Resources, clock });
  deployment.aws.eventBus.addRule({
    pattern: { source: ["sluice"], "detail-type": ["ai.webhooks.requested"] },
    deliver: async (event) => void asked.push(event),
  });
  receiver = await startReceiver();
});
afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
  await deployment.close();
});

const submit = async (text: string, events?: string[]): Promise<JobId> => {
  const webhook = { url: `${receiver.url}/own`, ...(events ? { events } : {}) };
  return (await deployment.submit("flow", { text }, {}, undefined, { webhook })).body.id as JobId;
};
const step = (jobId: JobId) =>
  work({ capability: "echo", detail: { tenant, jobId, stepIds: ["only"], seq: 2 } }, deployment.newRuntime());
const deliveries = async (jobId: JobId): Promise<WebhookDelivery[]> =>
  (await deployment.webhooks<{ deliveries: WebhookDelivery[] }>("GET", "/v1/jobs/{jobId}/webhooks", { jobId })).body
    .deliveries;
const sender = () => {
  const runtime = deployment.newRuntime();
  return { ...runtime, random: () => runtime.ids.random() };
};
const send = ({ detail }: BusEnvelope, receiveCount = 1) =>
  sendWebhook(
    { detail: detail as unknown as MessageDetail, receiveCount, endsAtMs: Date.now() + aheadMs + 30_000 },
    sender(),
  );

test("events are told to an endpoint and to the job's own webhook, through bus and queue", async () => {
  const { body } = await deployment.webhooks<{ id: string }>(
    "POST",
    "/v1/webhooks",
    {},
    { url: `${receiver.url}/all` },
  );
  deployment.startWorkers();
  const jobId = await submit("told");
  await receiver.until("/own", 1);
  await receiver.until("/all", 1);
  for (;;) {
    const all = await deliveries(jobId);
    if (all.length < 2 || all.some(({ status }) => status !== "delivered")) continue;
    expect(all.map(({ webhook }) => webhook).sort()).toEqual(["own", body.id].sort());
    break;
  }
  expect(JSON.parse(receiver.at("/own")[0]?.body ?? "").data.job.result).toEqual({ text: "told" });
  expect(deployment.errors).toEqual([]);
});

test("a message that was doubled makes one attempt, whoever has the copies", async () => {
  const jobId = await submit("twice");
  await step(jobId);
  const [message] = asked;
  if (message === undefined) throw new Error("nothing was asked for");
  const handled = await Promise.all([send(message), send(message), send(message)]);
  expect(receiver.at("/own")).toHaveLength(1);
  // Those that lost look again in a while, and find it made.
  expect(handled.filter(({ retryAfterMs }) => retryAfterMs === undefined).length).toBeGreaterThan(0);
  expect(await send(message, 2)).toEqual({ retryAfterMs: undefined });
  expect(receiver.at("/own")).toHaveLength(1);
});

test.each([
  ["ends", "job.completed"],
  ["doomed", "step.dead_lettered"],
])("an event whose message was lost with a crash is asked for again by the reconciler (%s: %s)", async (text, type) => {
  const jobId = await submit(text, [type]);
  // The process ends between the commit and its messages: nothing is published, and the list does not know.
  deployment.aws.eventBus.fault = () => "refuse";
  await step(jobId).catch(() => undefined);
  deployment.aws.eventBus.fault = () => "take";
  expect(asked).toEqual([]);
  aheadMs = 65_000;
  await deployment.reconcile();
  expect(asked.map(({ detail }) => (detail as unknown as MessageDetail).webhook?.event)).toEqual([type]);
  for (const message of asked) await send(message);
  expect(JSON.parse(receiver.at("/own")[0]?.body ?? "").type).toBe(type);
  // Asked for once more, it is not sent once more.
  aheadMs = 300_000;
  await deployment.reconcile();
  for (const message of asked) await send(message);
  expect(receiver.at("/own")).toHaveLength(1);
});
