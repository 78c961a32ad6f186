import { PutItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JobId } from "../../src/contract/ids.ts";
import { topics } from "../../src/contract/messages.ts";
import { sqsDeadLetterSuffix, sqsSuffix } from "../../src/contract/queue-names.ts";
import type { Ports } from "../../src/core/runtime.ts";
import { openAwsEngine } from "../../src/engines/aws/aws-engine.ts";
import { commitKey } from "../../src/engines/aws/commit-item.ts";
import { commit, eventually, head, message, newJobId, newTenant } from "../../src/testing/contracts/fixtures.ts";
import { type LocalAws, startLocalAws } from "../../src/testing/local-aws/local-aws.ts";

// What is in a table or a queue and was not put there by us, or was changed by somebody's hand.

const topic = topics.requested("echo");
const tenant = newTenant();
let aws: LocalAws;
let engine: Ports;
let errors: { what: string; about: object }[];

beforeEach(async () => {
  errors = [];
  aws = await startLocalAws({ queues: [{ name: "echo", topic }] });
  engine = openAwsEngine({ ...aws, deploySeq: 1, onError: (what, about) => errors.push({ what, about }) });
});
afterEach(() => aws.close());

/** A job with a head that is due at the epoch's n-th ms. */
async function job(n: number): Promise<JobId> {
  const jobId = newJobId();
  const of = head(jobId, { tenant, wakeAtMs: n, createdAt: `2030-01-01T00:00:0${n}.000Z` });
  await engine.log.append(commit(jobId, 1, 1, { tenant }), { head: of });
  return jobId;
}

/** Takes an attribute away, past the adapter. */
const remove = (jobId: JobId, attribute: string) =>
  aws.clients.dynamoDb.send(
    new UpdateItemCommand({
      TableName: aws.table,
      Key: commitKey(jobId, 1),
      UpdateExpression: "REMOVE #a",
      ExpressionAttributeNames: { "#a": attribute },
    }),
  );

test("a head that is none of ours keeps no other job from being found, and is told of", async () => {
  const jobs = [await job(1), await job(2), await job(3)] as const;
  await remove(jobs[1], "ct");
  expect((await engine.index.due(10, 10)).map(({ jobId }) => jobId)).toEqual([jobs[0], jobs[2]]);
  const listed = await engine.index.list({ tenant, limit: 10 });
  expect(listed.jobs.map(({ jobId }) => jobId)).toEqual([jobs[2], jobs[0]]);
  const about = { jobId: jobs[1], error: 'an item of the table has no text "ct"' };
  expect(errors).toEqual([
    { what: "malformed head left out", about },
    { what: "malformed head left out", about },
  ]);
});

test("pages of a list go on past a head that is none of ours", async () => {
  const jobs = [await job(1), await job(2), await job(3), await job(4)] as const;
  await remove(jobs[2], "st");
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await engine.index.list({ tenant, limit: 1, ...(cursor === undefined ? {} : { cursor }) });
    seen.push(...page.jobs.map(({ jobId }) => jobId));
    cursor = page.cursor;
  } while (cursor !== undefined);
  expect(seen).toEqual([jobs[3], jobs[1], jobs[0]]);
});

test("a commit that is none of ours makes reading its job fail, which says what is missing, and no other job", async () => {
  const [one, other] = [await job(1), await job(2)];
  await remove(one, "b");
  await expect(engine.log.read(one)).rejects.toThrow("a commit's item has no body");
  const foreign = { ...commitKey(one, 2), n: { S: "two" } };
  await aws.clients.dynamoDb.send(new PutItemCommand({ TableName: aws.table, Item: foreign }));
  await expect(engine.log.read(one, 1)).rejects.toThrow('an item of the table has no text "o"');
  expect(await engine.log.read(other)).toHaveLength(1);
  expect(await engine.log.append(commit(one, 2))).toBe("conflict");
});

test("bodies that are no events of ours keep no message of a queue from being received", async () => {
  const QueueUrl = aws.queueUrlPrefix + sqsSuffix("echo");
  for (const MessageBody of ["not json", "[]", '{"detail-type":"x","detail":{"jobId":1}}']) {
    await aws.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  }
  const sent = message(topic, { tenant });
  await engine.topics.publish([sent]);
  const received = await engine.queue.receive("echo", 10, 60_000);
  expect(received.map((delivery) => delivery.message)).toEqual([sent]);
  expect(await engine.queue.stats("echo")).toMatchObject({ ready: 0, inFlight: 4 });
});

test("dead letters that are no events of ours are counted, and hide none of the others", async () => {
  const QueueUrl = aws.queueUrlPrefix + sqsDeadLetterSuffix("echo");
  await aws.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "not json" }));
  const sent = message(topic, { tenant });
  await engine.queue.deadLetter("echo", sent, { reason: "a\u0000reason \ud83d of any kind", seq: 7 });
  expect(await engine.queue.deadLetters("echo", 10)).toMatchObject([
    { message: sent, seq: 7, reason: "a?reason \ufffd of any kind" },
  ]);
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const stats = await eventually(
    wait,
    () => engine.queue.stats("echo"),
    ({ deadLetters }) => deadLetters === 2,
  );
  expect(stats.deadLetters).toBe(2);
});
