import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { CommitId } from "../../src/contract/ids.ts";
import { defineCapability } from "../../src/core/define-capability.ts";
import { Gates } from "../../src/core/gates.ts";
import { DynamoDbLimits } from "../../src/engines/aws/dynamodb-limits.ts";
import { type LocalAws, startLocalAws } from "../../src/testing/local-aws/local-aws.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

// Updates that the table has taken and whose answers are lost on the way: the SDK sends each again by itself.

let aws: LocalAws;
const clock = new VirtualClock();
let limits: DynamoDbLimits;
beforeEach(async () => {
  aws = await startLocalAws({ queues: [] });
  limits = new DynamoDbLimits({ client: aws.clients.dynamoDb, tableName: aws.table, clock });
});
afterEach(() => aws.close());

/** Of the answers to updates, loses the first, once the table has taken it. */
function loseAnAnswer(): { readonly lost: () => number } {
  let lost = 0;
  aws.clients.dynamoDb.middlewareStack.add(
    (next, context) => async (args) => {
      const answer = next(args);
      if (context.commandName !== "UpdateItemCommand" || lost > 0) return answer;
      await answer.catch(() => {});
      lost += 1;
      throw Object.assign(new Error("the connection was reset"), { name: "TimeoutError", code: "ECONNRESET" });
    },
    // Within the SDK's tries, and before the answer is looked at.
    { step: "deserialize", name: "loseAnAnswer", priority: "high" },
  );
  return { lost: () => lost };
}

const ask = () => ({ costMs: 1_000, burstMs: 10_000, nowMs: clock.now() });

test("a reservation is paid twice, and never granted more than there is", async () => {
  await limits.reserve("key", ask());
  const { lost } = loseAnAnswer();
  expect(await limits.reserve("key", ask())).toEqual({ granted: true, usedMs: 3_000 });
  expect(lost()).toBe(1);
  for (let n = 0; n < 7; n++) expect(await limits.reserve("key", ask())).toMatchObject({ granted: true });
  expect(await limits.reserve("key", ask())).toMatchObject({ granted: false });
});

test("the first reservation of a full bucket finds its own, and is paid twice", async () => {
  const { lost } = loseAnAnswer();
  expect(await limits.reserve("key", ask())).toEqual({ granted: true, usedMs: 2_000 });
  expect(lost()).toBe(1);
});

test("an id that has entered a set has one entry in it, and is told so", async () => {
  const { lost } = loseAnAnswer();
  const entry = { untilMs: clock.now() + 60_000, most: 2, nowMs: clock.now() };
  expect(await limits.enter("key", "a", entry)).toBe(true);
  expect(lost()).toBe(1);
  expect(await limits.enter("key", "b", entry)).toBe(true);
  expect(await limits.enter("key", "c", entry)).toBe(false);
});

test("the probe knows that it is the probe", async () => {
  const capability = defineCapability({
    name: "ask",
    input: z.any(),
    output: z.any(),
    run: () => 1,
    provider: () => ({ name: "openai:gpt-5" }),
  });
  let random = 0;
  const ids = { commitId: () => String(random++) as CommitId, random: () => 0.5 };
  const gates = new Gates({ limits, clock, ids, app: { rates: new Map() }, model: "openai:gpt-5" });
  const step = (stepId: string) =>
    gates.admit({ capability, input: {}, tenant: "acme", jobId: "job", stepId, requestedAtMs: clock.now() });
  for (let n = 0; n < 5; n++) await gates.passAhead(capability, {}).settle("provider-failed");
  await clock.advance(10_000);
  const { lost } = loseAnAnswer();
  expect(await step("probe")).toMatchObject({ kind: "admitted" });
  expect(lost()).toBe(1);
  expect(await step("other")).toMatchObject({ kind: "deferred", reason: "circuit" });
});
