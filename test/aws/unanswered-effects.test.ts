import type { SQSClient } from "@aws-sdk/client-sqs";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import type { Resources } from "../../src/core/resources.ts";
import { defineApp, defineCapability, defineWorkflow, TerminalError, ThrottledError } from "../../src/index.ts";
import type { LocalAws } from "../../src/testing/local-aws/local-aws.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";

// Bus, queue and bucket take what they are sent, and their answers are lost on the way. The SDK sends all of it again by
// itself: every event, deferral, dead letter and object is there twice.

const Text = z.object({ text: z.string() });
const LARGE = "abc".repeat(100_000);
let calls: number[] = [];
const tough = defineCapability({
  name: "tough",
  input: Text,
  output: Text,
  retry: { baseDelayMs: 1, maxDelayMs: 1 },
  run(_, { attempt }) {
    calls.push(attempt);
    if (attempt === 1) throw new ThrottledError("too many", 1);
    if (attempt === 2) throw new Error("it does not work yet");
    return { text: LARGE };
  },
});
const hopeless = defineCapability({
  name: "hopeless",
  input: Text,
  output: Text,
  run: () => {
    throw new TerminalError("it never works");
  },
});
const flow = (name: string, capability: typeof tough | typeof hopeless) =>
  defineWorkflow({ name, input: Text, output: Text, run: (job, input) => job.step("only", capability, input) });
const app = defineApp({
  workflows: [flow("trying", tough), flow("failing", hopeless)],
  capabilities: [tough, hopeless],
});

let deployment: LocalDeployment;
afterEach(() => deployment.close());

const COMMANDS = [
  "SendMessageCommand",
  "DeleteMessageBatchCommand",
  "ChangeMessageVisibilityCommand",
  "ChangeMessageVisibilityBatchCommand",
  "PutEventsCommand",
  "PutObjectCommand",
];

/** Loses the answer to every first try of what `loses` names. Tells of which commands. */
function loseAnswers(
  { clients: { sqs, eventBridge, s3 } }: LocalAws,
  loses: (queueUrl: string | undefined) => boolean,
): ReadonlySet<string> {
  const lost = new Set<string>();
  const seen = new WeakSet<object>();
  for (const { middlewareStack } of [sqs, eventBridge, s3]) {
    const stack = middlewareStack as SQSClient["middlewareStack"];
    stack.add(
      (next, context) => async (args) => {
        const answer = await next(args);
        const { commandName = "" } = context;
        const { input } = args as { input: { QueueUrl?: string } };
        if (!COMMANDS.includes(commandName) || seen.has(input) || !loses(input.QueueUrl)) return answer;
        seen.add(input);
        lost.add(commandName);
        throw Object.assign(new Error("no answer in time"), { name: "TimeoutError", code: "ETIMEDOUT" });
      },
      // Within the SDK's tries.
      { step: "deserialize", name: "loseAnswers", priority: "high" },
    );
  }
  return lost;
}

test("a job whose every message and object is sent twice does each attempt once", async () => {
  calls = [];
  deployment = await deployLocally({ app, resources: {} as Resources });
  const lost = loseAnswers(deployment.aws, () => true);
  deployment.startWorkers();
  const { body } = await deployment.submit("trying", { text: "x" });
  const job = await deployment.ended(body.id);
  expect(job).toMatchObject({ status: "completed", result: { text: LARGE } });
  expect(calls).toEqual([1, 2, 3]);
  expect(job.steps[0]?.attempts.map(({ outcome }) => outcome)).toEqual(["failed", "failed", "completed"]);
  expect(lost).toEqual(new Set(COMMANDS.filter((name) => name !== "ChangeMessageVisibilityBatchCommand")));
});

test("a dead letter that is sent twice waits once after the next review, and goes once it is discarded", async () => {
  deployment = await deployLocally({ app, resources: {} as Resources });
  loseAnswers(deployment.aws, (queueUrl) => queueUrl?.endsWith("_dead") ?? false);
  deployment.startWorkers();
  const { body } = await deployment.submit("failing", { text: "x" });
  const { queue } = deployment.newRuntime();
  const letters = async (count: number): Promise<void> => {
    while ((await queue.stats("hopeless")).deadLetters !== count)
      await new Promise((resolve) => setTimeout(resolve, 25));
  };
  await letters(2);
  await deployment.reconcile();
  await letters(1);
  await deployment.command("discard", body.id, { reason: "it never will" });
  await deployment.reconcile();
  await letters(0);
  expect(deployment.errors).toEqual([]);
});
