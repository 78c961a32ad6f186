import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { work } from "../../lambdas/worker/worker.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import type { Resources } from "../../src/core/resources.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";
import { countCapacity } from "../../src/testing/local-aws/capacity.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";

// An append that the table has taken and whose answer is lost on the way. The SDK sends it again by itself, and then the
// condition fails: by our own write (rule 1 of the job protocol).

const Text = z.object({ text: z.string() });
let calls = 0;
const echo = defineCapability({
  name: "echo",
  input: Text,
  output: Text,
  run: (input) => {
    calls += 1;
    return input;
  },
});
const twice = defineWorkflow({
  name: "twice",
  input: Text,
  output: Text,
  run: async (job, input) => job.step("second", echo, await job.step("first", echo, input)),
});
const app = defineApp({ workflows: [twice], capabilities: [echo] });
const tenant = "acme" as TenantId;

let deployment: LocalDeployment;

beforeEach(async () => {
  calls = 0;
  deployment = await deployLocally({ app, resources: {} as Resources });
});
afterEach(() => deployment.close());

/** Of the next appends, the answers to the n-th tries that `loses` names: the table has taken them, nobody hears of it. */
function loseAnswers(loses: (tries: number) => boolean): { readonly lost: () => number } {
  let [tries, lost] = [0, 0];
  deployment.aws.clients.dynamoDb.middlewareStack.add(
    (next, context) => async (args) => {
      if (context.commandName !== "PutItemCommand") return next(args);
      tries += 1;
      const n = tries;
      // What the table says is of no interest: nobody hears it.
      const answer = next(args);
      if (!loses(n)) return answer;
      await answer.catch(() => {});
      lost += 1;
      throw Object.assign(new Error("the connection was reset"), { name: "TimeoutError", code: "ECONNRESET" });
    },
    // Within the SDK's tries, and before the answer is looked at.
    { step: "deserialize", name: "loseAnswers", priority: "high" },
  );
  return { lost: () => lost };
}

const runtime = (): Runtime => deployment.newRuntime();
const types = async (jobId: string): Promise<string[]> =>
  (await deployment.events(jobId)).body.events.map(({ type }) => type);
const step = (jobId: JobId, id: string, seq: number) =>
  work({ capability: "echo", detail: { tenant, jobId, stepIds: [id], seq } }, runtime());
const UNTIL_SECOND = ["job.submitted", "step.requested", "step.started", "step.completed", "step.requested"];

test("a submission whose answer was lost is accepted once, and its messages go out", async () => {
  const { lost } = loseAnswers((tries) => tries === 1);
  const accepted = await deployment.submit("twice", { text: "x" });
  expect(lost()).toBe(1);
  expect(accepted.status).toBe(202);
  expect(accepted.headers).not.toHaveProperty("idempotency-replayed");
  expect(await types(accepted.body.id)).toEqual(["job.submitted", "step.requested"]);
  expect(deployment.aws.eventBus.entries).toBe(2);
});

test("a worker whose claim and whose result were taken without an answer goes on as if nothing had happened", async () => {
  const { body } = await deployment.submit("twice", { text: "x" });
  const { lost } = loseAnswers((tries) => tries === 1 || tries === 3);
  const counter = countCapacity(deployment.aws);
  expect(await step(body.id as JobId, "first", 2)).toEqual({ retryAfterMs: undefined });
  expect(lost()).toBe(2);
  expect(counter.take()).toMatchObject({ conflicts: 2, putEvents: 1 });
  expect(calls).toBe(1);
  expect(await types(body.id)).toEqual(UNTIL_SECOND);
});

test("no answer at all, to any try: the log is read, and the step is done once", async () => {
  const { body } = await deployment.submit("twice", { text: "x" });
  let losing = true;
  const { lost } = loseAnswers(() => losing);
  expect(await step(body.id as JobId, "first", 2)).toEqual({ retryAfterMs: undefined });
  losing = false;
  expect(lost()).toBeGreaterThanOrEqual(2 * 3);
  expect(calls).toBe(1);
  expect(await types(body.id)).toEqual(UNTIL_SECOND);
  deployment.startWorkers();
  expect(await deployment.ended(body.id)).toMatchObject({ status: "completed" });
});

test("a conflict with another writer is not taken for an own write", async () => {
  const { body } = await deployment.submit("twice", { text: "x" });
  const about = { tenant, jobId: body.id as JobId, stepIds: ["first"], seq: 2 };
  const both = [runtime(), runtime()];
  await Promise.all(both.map(({ writer }) => writer.states.load(about.jobId)));
  const { lost } = loseAnswers((tries) => tries <= 2);
  await Promise.all(both.map((each) => work({ capability: "echo", detail: about }, each)));
  expect(lost()).toBe(2);
  expect(calls).toBe(1);
  expect(await types(body.id)).toEqual(UNTIL_SECOND);
});
