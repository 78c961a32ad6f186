import { expect, test } from "vitest";
import { CallCounter, chunks } from "../../../../tools/cost/count-calls.ts";
import { noCounts } from "../../../../tools/cost/count-runs.ts";
import type { Call } from "../../../../tools/cost/raw-lines.ts";

const call = (service: string, action: string, more: Partial<Call> = {}): Call => ({
  kind: "call",
  time: 0,
  function: "f",
  service,
  action,
  resource: service,
  requestBytes: 100,
  responseBytes: 2,
  ...more,
});
const counted = (...calls: Call[]) => {
  const counts = noCounts();
  const counter = new CallCounter();
  for (const each of calls) counter.add(each, counts);
  return counts;
};
/** An item of so many bytes: key and names are 13 of them. */
const item = (bytes: number, more: object = {}) => ({
  pk: { S: "job" },
  sk: { S: "c#01" },
  b: { B: Buffer.alloc(bytes - 12).toString("base64") },
  ...more,
});

test("a write takes a unit for each begun KB, however its bytes are written in JSON", () => {
  expect(counted(call("dynamodb", "PutItem", { body: { Item: item(1_024) } }))).toMatchObject({
    writes: 1,
    writeUnits: 1,
    leastWriteUnits: 1,
    storedBytes: 1_124,
  });
  expect(counted(call("dynamodb", "PutItem", { body: { Item: item(1_025) } }))).toMatchObject({
    writeUnits: 2,
    leastWriteUnits: 1,
  });
});

test("a first commit is written to both indexes, and its copy in the list is stored, too", () => {
  const Item = item(500, { t: { S: "acme" }, l: { S: "2026" }, w: { S: "w#1" }, d: { N: "17" } });
  const { writeUnits, storedBytes } = counted(call("dynamodb", "PutItem", { body: { Item } }));
  expect(writeUnits).toBe(3);
  // t 5, l 5, w 4 and d 3 more in the item; pk 5, sk 6, t, l and d in the copy.
  expect(storedBytes).toBe(517 + 100 + (5 + 6 + 5 + 5 + 3) + 100);
});

test("a change of a head is billed by the item that it changes, and by each index that it moves in", () => {
  const put = call("dynamodb", "PutItem", { body: { Item: item(3_000) } });
  const Key = { pk: { S: "job" }, sk: { S: "c#01" } };
  const end = call("dynamodb", "UpdateItem", { body: { Key, UpdateExpression: "SET #status = :s REMOVE #due" } });
  const put_ = counted(put).writeUnits;
  expect(counted(put, end).writeUnits - put_).toBe(3 + 2);
});

test("a write whose condition fails is billed; one that DynamoDB refused otherwise is not", () => {
  const body = { Item: item(2_000) };
  expect(counted(call("dynamodb", "PutItem", { body, error: "ConditionalCheckFailedException" }))).toMatchObject({
    writeUnits: 2,
    conflicts: 1,
    storedBytes: 0,
  });
  expect(counted(call("dynamodb", "PutItem", { body, error: "ThrottlingException" }))).toMatchObject({
    writeUnits: 0,
    others: { "dynamodb:PutItem": 1 },
  });
});

test("a query takes a unit for each begun 4 KB, half of it if it may be stale, and one for nothing", () => {
  const query = (responseBytes: number, ConsistentRead: boolean) =>
    counted(call("dynamodb", "Query", { responseBytes, body: { ConsistentRead } })).readUnits;
  expect([query(0, true), query(4_096, true), query(4_097, true), query(0, false)]).toEqual([1, 1, 2, 0.5]);
});

test("events and messages count by begun 64 KB", () => {
  expect([chunks(0), chunks(65_536), chunks(65_537)]).toEqual([1, 1, 2]);
  const Entries = [
    { Source: "sluice", DetailType: "ai.a.requested", Detail: "{}" },
    { Source: "sluice", DetailType: "ai.a.requested", Detail: "x".repeat(65_536) },
  ];
  expect(counted(call("events", "PutEvents", { body: { Entries } }))).toMatchObject({
    putEvents: 1,
    entries: 2,
    entryUnits: 3,
    entryBytes: 2 * 20 + 2 + 65_536,
  });
  expect(counted(call("sqs", "SendMessage", { requestBytes: 65_537 })).sqsRequests).toBe(2);
});

test("objects of jobs count; what a container reads once, and what has no price here, is kept apart", () => {
  const at = (key: string) => ({ resource: `arn:aws:s3:::bucket/${key}` });
  expect(
    counted(
      call("s3", "PutObject", { ...at("jobs/a/snapshot-16"), requestBytes: 900 }),
      call("s3", "GetObject", at("jobs/a/snapshot-16")),
      call("s3", "GetObject", at("corpus/index")),
      call("secretsmanager", "GetSecretValue"),
    ),
  ).toMatchObject({
    s3Puts: 1,
    s3PutBytes: 900,
    s3Gets: 1,
    others: { "s3:GetObject": 1, "secretsmanager:GetSecretValue": 1 },
  });
});
