import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { topics } from "../../src/contract/messages.ts";
import { sqsDeadLetterSuffix } from "../../src/contract/queue-names.ts";
import { openAwsEngine } from "../../src/engines/aws/aws-engine.ts";
import { message } from "../../src/testing/contracts/fixtures.ts";
import { type LocalAws, startLocalAws } from "../../src/testing/local-aws/local-aws.ts";

const topic = topics.requested("work");
let aws: LocalAws;
beforeAll(async () => {
  aws = await startLocalAws({ queues: [{ name: "work", topic }] });
});
afterAll(() => aws.close());

test("a dead letter that somebody looks at is counted all the same", async () => {
  const { queue } = openAwsEngine({ ...aws, deploySeq: 1 });
  for (let n = 0; n < 2; n++) await queue.deadLetter("work", message(topic), { reason: "given up" });
  const { Messages } = await aws.clients.sqs.send(
    new ReceiveMessageCommand({ QueueUrl: aws.queueUrlPrefix + sqsDeadLetterSuffix("work"), VisibilityTimeout: 60 }),
  );
  expect(Messages).toHaveLength(1);
  expect((await queue.stats("work")).deadLetters).toBe(2);
});
