import { topics } from "../../src/contract/messages.ts";
import { openAwsEngine } from "../../src/engines/aws/aws-engine.ts";
import { DynamoDbLimits } from "../../src/engines/aws/dynamodb-limits.ts";
import { DynamoDbSubscribers } from "../../src/engines/aws/dynamodb-subscribers.ts";
import { DynamoDbTickets } from "../../src/engines/aws/dynamodb-tickets.ts";
import { functionClock } from "../../src/engines/aws/function-clock.ts";
import { testBlobs } from "../../src/testing/contracts/blobs.ts";
import { testEventLog } from "../../src/testing/contracts/event-log.ts";
import { testJobIndex } from "../../src/testing/contracts/job-index.ts";
import { testLimits } from "../../src/testing/contracts/limits.ts";
import { testRecords } from "../../src/testing/contracts/records.ts";
import { testSnapshots } from "../../src/testing/contracts/snapshots.ts";
import { testSubscribers } from "../../src/testing/contracts/subscribers.ts";
import { testTickets } from "../../src/testing/contracts/tickets.ts";
import { testTopics } from "../../src/testing/contracts/topics.ts";
import { startLocalAws } from "../../src/testing/local-aws/local-aws.ts";

// tools/dynamodb-local.ts sets it.
const where =
  process.env.SLUICE_TEST_DYNAMODB === undefined ? "aws on dynalite and fauxqs" : "aws on DynamoDB Local and fauxqs";
const topic = topics.requested("work");

const factory = async () => {
  const aws = await startLocalAws({ queues: [{ name: "work", topic }] });
  const engine = openAwsEngine({ ...aws, deploySeq: 1 });
  const { snapshots } = engine;
  if (snapshots === undefined) throw new Error("this engine has snapshots");
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const table = { client: aws.clients.dynamoDb, tableName: aws.table, clock: engine.clock };
  const limits = new DynamoDbLimits(table);
  const subscribers = new DynamoDbSubscribers(table);
  return {
    ...engine,
    snapshots,
    limits,
    subscribers,
    nowMs: Date.now(),
    queueName: "work",
    topic,
    wait,
    close: () => aws.close(),
  };
};

testEventLog(where, factory, { snapshots: true });
testJobIndex(where, factory);
testTopics(where, factory);
testBlobs(where, factory);
testSnapshots(where, factory);
testRecords(where, factory, { expire: true });
testLimits(where, factory, { runs: 10 });
testTickets(where, async () => {
  const [own, other] = await Promise.all([startLocalAws({ queues: [] }), startLocalAws({ queues: [] })]);
  const of = ({ clients, table }: typeof own): DynamoDbTickets =>
    new DynamoDbTickets({ client: clients.dynamoDb, tableName: table, clock: functionClock });
  const close = async (): Promise<void> => void (await Promise.all([own.close(), other.close()]));
  return { tickets: of(own), peer: of(own), stranger: of(other), close };
});
testSubscribers(where, factory);
