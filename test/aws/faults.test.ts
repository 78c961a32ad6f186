import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterEach, expect, test, vi } from "vitest";
import { z } from "zod";
import type { Resources } from "../../src/core/resources.ts";
import { defineApp, defineCapability, defineWorkflow, TerminalError } from "../../src/index.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";

const Text = z.object({ text: z.string() });
const echo = defineCapability({ name: "echo", input: Text, output: Text, run: (input) => input });
const hopeless = defineCapability({
  name: "hopeless",
  input: Text,
  output: Text,
  run: () => {
    throw new TerminalError("this never works");
  },
});
const large = defineCapability({
  name: "large",
  input: Text,
  output: Text,
  run: ({ text }) => ({ text: text.repeat(300_000) }),
});
const flow = (name: string, capability: typeof echo | typeof hopeless | typeof large) =>
  defineWorkflow({ name, input: Text, output: Text, run: (job, input) => job.step("only", capability, input) });
const app = defineApp({
  workflows: [flow("echoing", echo), flow("failing", hopeless), flow("growing", large)],
  capabilities: [echo, hopeless, large],
});
let deployment: LocalDeployment;
afterEach(() => deployment.close());

const deploy = async () => {
  deployment = await deployLocally({ app, resources: {} as Resources });
  return deployment;
};

test("a step that is given up waits in the dead letters of its queue, with the seq of its event", async () => {
  const { submit, ended, newRuntime, startWorkers, events } = await deploy();
  startWorkers();
  const { body } = await submit("failing", { text: "x" });
  await ended(body.id, ["dead-lettered"]);
  const { queue } = newRuntime();
  // The letter follows its event.
  await vi.waitUntil(async () => (await queue.stats("hopeless")).deadLetters > 0, { timeout: 60_000 });
  const [letter, ...others] = await queue.deadLetters("hopeless", 10);
  expect(others).toEqual([]);
  expect(letter).toMatchObject({ reason: "TerminalError: this never works" });
  const { events: log } = (await events(body.id)).body;
  expect(log.find(({ seq }) => seq === letter?.seq)?.type).toBe("step.dead_lettered");
});

test("a result too large for a commit goes through the bucket and comes back whole", async () => {
  const { submit, ended, startWorkers } = await deploy();
  startWorkers();
  const { body } = await submit("growing", { text: "abc" });
  const job = await ended(body.id);
  expect(job.result).toEqual({ text: "abc".repeat(300_000) });
});

test("malformed messages stop nothing, and end in the dead letters", async () => {
  const { aws, submit, ended, startWorkers, newRuntime } = await deploy();
  const QueueUrl = `${aws.queueUrlPrefix}echo`;
  const bodies = ["not json", "{}", '{"source":"sluice","detail-type":"ai.echo.requested","detail":{"version":9}}'];
  for (const MessageBody of bodies) await aws.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  startWorkers();
  const { body } = await submit("echoing", { text: "x" });
  expect(await ended(body.id)).toMatchObject({ status: "completed" });
  const { queue } = newRuntime();
  for (;;) {
    const { deadLetters, ready, inFlight } = await queue.stats("echo");
    if (deadLetters === bodies.length) break;
    expect(deadLetters + ready + inFlight).toBeLessThanOrEqual(bodies.length + 1);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
});

test("a message about a job that is not there is dropped", async () => {
  const { newRuntime, startWorkers } = await deploy();
  const { topics, queue, ids } = newRuntime();
  const tenant = "acme" as never;
  await topics.publish([
    { topic: "ai.echo.requested", detail: { tenant, jobId: ids.jobId(tenant), seq: 2, stepIds: ["only"] } },
  ]);
  startWorkers();
  for (;;) {
    const { ready, inFlight } = await queue.stats("echo");
    if (ready + inFlight === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect((await queue.stats("echo")).deadLetters).toBe(0);
});
