import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { JobView } from "../../src/contract/api.ts";
import { advanceQueue } from "../../src/contract/messages.ts";
import type { Resources } from "../../src/core/resources.ts";
import { defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";
import { killEachConsumer } from "./kill-each-consumer.ts";
import { moveMessages } from "./move-messages.ts";

// A redrive by the console or by StartMessageMoveTask: dead letters come back to their queue as they are.

const Text = z.object({ text: z.string() });
let worksFrom = Number.POSITIVE_INFINITY;
let broken = false;
const moody = defineCapability({
  name: "moody",
  input: Text,
  output: Text,
  retry: { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 1 },
  run(input, { attempt }) {
    if (attempt < worksFrom) throw new Error("it does not work yet");
    return input;
  },
});
const flow = defineWorkflow({
  name: "flow",
  input: Text,
  output: Text,
  async run(job, input) {
    const answer = await job.step("only", moody, input);
    if (broken) throw new Error("a bug");
    return answer;
  },
});
const app = defineApp({ workflows: [flow], capabilities: [moody] });

let deployment: LocalDeployment;
beforeEach(async () => {
  worksFrom = Number.POSITIVE_INFINITY;
  broken = false;
  deployment = await deployLocally({ app, resources: {} as Resources });
});
afterEach(() => deployment.close());

async function untilDeadLettered(): Promise<string> {
  deployment.startWorkers();
  const { id } = (await deployment.submit("flow", { text: "x" })).body;
  await deployment.ended(id, ["dead-lettered"]);
  // The letter follows its event.
  for (const queueName of ["moody", advanceQueue("flow")]) await untilIdle(queueName);
  return id;
}

const log = async (id: string) => (await deployment.events(id)).body.events;
const attempts = ({ steps }: JobView) => steps[0]?.attempts.map(({ attempt, outcome }) => [attempt, outcome]);

/** Until nobody has or may have a message of the queue. */
async function untilIdle(queueName: string): Promise<void> {
  const { queue } = deployment.newRuntime();
  for (;;) {
    const { ready, delayed, inFlight } = await queue.stats(queueName);
    if (ready + delayed + inFlight === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

describe("a dead letter that is moved back", () => {
  test("is a person's redrive: fresh attempts, whose numbers go on", async () => {
    const id = await untilDeadLettered();
    const { seq } = (await log(id)).at(-1) ?? expect.fail("the log is empty");
    worksFrom = 4;
    expect(await moveMessages(deployment.aws, "moody")).toBe(1);
    const job = await deployment.ended(id);
    expect(job).toMatchObject({ status: "completed", result: { text: "x" } });
    expect(attempts(job)).toEqual([
      [1, "failed"],
      [2, "failed"],
      [3, "failed"],
      [4, "completed"],
    ]);
    const redriven = (await log(id)).filter(({ type }) => type === "step.redriven");
    expect(redriven).toMatchObject([{ seq: seq + 1, stepId: "only", by: "queue", base: 2 }]);
    expect(deployment.errors).toEqual([]);
  });

  test("is that once: of two copies one has no effect", async () => {
    const id = await untilDeadLettered();
    const { queue } = deployment.newRuntime();
    const [letter] = await queue.deadLetters("moody", 10);
    worksFrom = 3;
    expect(await moveMessages(deployment.aws, "moody")).toBe(1);
    await deployment.ended(id);
    const events = await log(id);
    expect(events.filter(({ type }) => type === "step.redriven")).toHaveLength(1);
    await queue.defer("moody", letter?.message ?? expect.fail("there is no dead letter"), 0);
    await untilIdle("moody");
    expect(await log(id)).toEqual(events);
  });

  test("of an earlier failure has no effect: the last one's still waits", async () => {
    const id = await untilDeadLettered();
    const { queue } = deployment.newRuntime();
    const [old] = await queue.deadLetters("moody", 10);
    if (old?.seq === undefined) throw new Error("there is no dead letter");
    await moveMessages(deployment.aws, "moody");
    while (attempts(await deployment.ended(id, ["dead-lettered"]))?.length !== 4);
    await untilIdle("moody");
    const before = await log(id);
    worksFrom = 5;
    await queue.defer("moody", old.message, 0);
    await untilIdle("moody");
    expect(await log(id)).toEqual(before);
    // What it left besides the letter that waits is put right by the reconciler.
    await deployment.reconcile();
    expect((await queue.deadLetters("moody", 10)).map(({ seq }) => seq)).toEqual([before.at(-1)?.seq]);
    expect(await moveMessages(deployment.aws, "moody")).toBe(1);
    expect(await deployment.ended(id)).toMatchObject({ status: "completed" });
  });

  test("of a workflow's own queue has the workflow run again", async () => {
    worksFrom = 1;
    broken = true;
    const id = await untilDeadLettered();
    broken = false;
    expect(await moveMessages(deployment.aws, advanceQueue("flow"))).toBe(1);
    expect(await deployment.ended(id)).toMatchObject({ status: "completed" });
    expect((await log(id)).slice(-2)).toMatchObject([
      { type: "step.redriven", stepId: "@advance", by: "queue", base: 3 },
      { type: "job.completed" },
    ]);
  });
});

test("a message that its queue has set aside is merely delivered again", async () => {
  worksFrom = 1;
  const { id } = (await deployment.submit("flow", { text: "x" })).body;
  await killEachConsumer(deployment.aws, "moody");
  deployment.startWorkers();
  expect(await moveMessages(deployment.aws, "moody")).toBe(1);
  expect(await deployment.ended(id)).toMatchObject({ status: "completed" });
  expect((await log(id)).map(({ type }) => type)).not.toContain("step.redriven");
});
