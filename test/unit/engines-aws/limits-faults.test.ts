import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, describe, expect, test } from "vitest";
import { UnavailableError } from "../../../src/core/errors.ts";
import { DynamoDbLimits } from "../../../src/engines/aws/dynamodb-limits.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

// What no local server can be made to answer.

const dynamoDb = mockClient(DynamoDBClient);
afterEach(() => dynamoDb.reset());

const clock = new VirtualClock();
const T0 = clock.now();
const limits = new DynamoDbLimits({
  client: new DynamoDBClient({ region: "us-east-1" }),
  tableName: "table",
  clock,
});
const ask = { costMs: 1_000, burstMs: 10_000, nowMs: T0 };
const entry = { untilMs: T0 + 60_000, most: 2, nowMs: T0 };
const calls = {
  reserve: () => limits.reserve("key", ask),
  settle: () => limits.settle("key", -1),
  changeCircuit: () => limits.changeCircuit("key", "record", 0),
  enter: () => limits.enter("key", "id", entry),
  leave: () => limits.leave("key", "id"),
};
const refusal = () => new ConditionalCheckFailedException({ message: "no", $metadata: {} });
const failure = (name: string, httpStatusCode?: number): Error =>
  Object.assign(new Error("no"), { name, $metadata: httpStatusCode === undefined ? {} : { httpStatusCode } });

/** A bucket as the table keeps it, that is full again at this time. */
const bucket = (fullAtMs: number) => ({ Items: [{ pk: { S: "pk" }, sk: { S: "sk" }, tat: { N: String(fullAtMs) } }] });
const updates = () => dynamoDb.commandCalls(UpdateItemCommand).map(({ args: [{ input }] }) => input);

describe.each(Object.entries(calls))("%s", (_, call) => {
  test.each([
    ["throttles", failure("ThrottlingException", 400)],
    ["has a fault", failure("InternalServerError", 500)],
    ["does not answer", failure("TimeoutError")],
  ])("may be tried again where the table %s at the write", async (_what, error) => {
    dynamoDb.on(QueryCommand).resolves({ Items: [] });
    dynamoDb.on(UpdateItemCommand).rejects(error);
    await expect(call()).rejects.toBeInstanceOf(UnavailableError);
  });

  test("fails for good where it may not", async () => {
    dynamoDb.on(QueryCommand).resolves({ Items: [] });
    dynamoDb.on(UpdateItemCommand).rejects(failure("AccessDeniedException", 400));
    await expect(call()).rejects.toMatchObject({ name: "AccessDeniedException" });
  });
});

test.each([
  ["reserve", calls.reserve],
  ["enter", calls.enter],
  ["circuit", () => limits.circuit("key")],
  ["circuits", () => limits.circuits()],
])("%s may be tried again where the table throttles the look, and nothing is written", async (_, call) => {
  dynamoDb.on(QueryCommand).rejects(failure("ProvisionedThroughputExceededException", 400));
  await expect(call()).rejects.toBeInstanceOf(UnavailableError);
  expect(updates()).toEqual([]);
});

test("a reservation whose answer was lost counts twice when it is made again, and is never granted unpaid", async () => {
  // The table has taken the write, and the SDK, to which nobody said so, gives up.
  let fullAtMs = T0 + 1;
  let lost = false;
  dynamoDb.on(QueryCommand).callsFake(async () => bucket(fullAtMs));
  dynamoDb.on(UpdateItemCommand).callsFake(async ({ ExpressionAttributeValues: values }) => {
    if (fullAtMs > Number(values[":latest"].N)) throw refusal();
    fullAtMs += Number(values[":cost"].N);
    if (!lost) {
      lost = true;
      throw failure("TimeoutError");
    }
    return { Attributes: { tat: { N: String(fullAtMs) } } };
  });
  await expect(calls.reserve()).rejects.toBeInstanceOf(UnavailableError);
  expect(await calls.reserve()).toEqual({ granted: true, usedMs: 2_001 });
});

test("who loses the race for a full bucket adds to what the winner has taken", async () => {
  dynamoDb
    .on(QueryCommand)
    .resolvesOnce({ Items: [] })
    .resolves(bucket(T0 + 1_000));
  dynamoDb
    .on(UpdateItemCommand)
    .rejectsOnce(refusal())
    .resolves({ Attributes: { tat: { N: String(T0 + 2_000) } } });
  expect(await calls.reserve()).toEqual({ granted: true, usedMs: 2_000 });
  expect(updates().map(({ UpdateExpression }) => UpdateExpression)).toEqual([
    expect.stringMatching(/^SET tat/),
    expect.stringMatching(/ADD tat/),
  ]);
});

test("a bucket, and a set, that others change each time are left after some tries, with nothing taken", async () => {
  dynamoDb.on(QueryCommand).resolves({ Items: [] });
  dynamoDb.on(UpdateItemCommand).rejects(refusal());
  expect(await calls.reserve()).toEqual({ granted: false, retryAtMs: T0 });
  expect(await calls.enter()).toBe(false);
  expect(updates().length).toBeLessThanOrEqual(10);
});

test("to be refused costs no write", async () => {
  dynamoDb.on(QueryCommand).resolves(bucket(T0 + 10_000));
  expect(await calls.reserve()).toEqual({ granted: false, retryAtMs: T0 + 1_000 });
  const full = { a: { N: String(T0 + 1) }, b: { N: String(T0 + 1) } };
  dynamoDb.on(QueryCommand).resolves({ Items: [{ m: { M: full } }] });
  expect(await calls.enter()).toBe(false);
  expect(updates()).toEqual([]);
});

test("leaving a set again, after the answer to the first time was lost, is no error", async () => {
  dynamoDb.on(UpdateItemCommand).rejects(refusal());
  await expect(calls.leave()).resolves.toBeUndefined();
});

test("every record goes by itself, days after it counts no more", async () => {
  dynamoDb.on(QueryCommand).resolves({ Items: [] });
  dynamoDb.on(UpdateItemCommand).resolves({ Attributes: { tat: { N: "1" } } });
  for (const call of Object.values(calls)) await call();
  const expiries = updates().flatMap(({ ExpressionAttributeValues: values }) => values?.[":ttl"]?.N ?? []);
  expect(expiries).toHaveLength(4);
  for (const seconds of expiries) expect(Number(seconds) * 1_000).toBeGreaterThan(T0 + 86_400_000);
});
