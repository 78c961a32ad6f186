import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import dynalite from "dynalite";
import { buildApp } from "fauxqs";
import { EVENT_SOURCE } from "../../contract/messages.ts";
import { sqsDeadLetterQueueName, sqsQueueName } from "../../contract/queue-names.ts";
import { MAX_RECEIVES } from "../../core/ports.ts";
import type { AwsClients } from "../../engines/aws/aws-clients.ts";
import { createTableInput } from "../../engines/aws/table-schema.ts";
import { EventBus } from "./event-bus.ts";

/** A queue as core calls it, and the topic that its rule matches. */
export interface LocalQueue {
  readonly name: string;
  readonly topic: string;
}

export interface LocalAwsOptions {
  readonly queues: readonly LocalQueue[];
  /** Of a server that runs already: DynamoDB Local. @default `SLUICE_TEST_DYNAMODB`, or else dynalite is started */
  readonly dynamoDbEndpoint?: string | undefined;
}

/** Servers on 127.0.0.1 that speak the protocols of DynamoDB, SQS, S3 and EventBridge, and what an instance has in them. */
export interface LocalAws {
  readonly clients: AwsClients;
  readonly endpoints: Readonly<Record<"dynamoDb" | "sqs" | "s3" | "eventBridge", string>>;
  readonly table: string;
  readonly bucket: string;
  readonly bus: string;
  readonly queueUrlPrefix: string;
  /** In which it is told what there may be to send to watchers. */
  readonly watchedQueueUrl: string;
  readonly eventBus: EventBus;
  close(): Promise<void>;
}

const PREFIX = "sluice-test";
const credentials = { accessKeyId: "test", secretAccessKey: "test" };
const region = "us-east-1";
let tables = 0;

/** Each call has servers, and so data, of its own. Nothing listens on any other address. */
export async function startLocalAws(options: LocalAwsOptions): Promise<LocalAws> {
  const { queues, dynamoDbEndpoint = process.env.SLUICE_TEST_DYNAMODB } = options;
  const dynamo = dynamoDbEndpoint === undefined ? await startDynalite() : undefined;
  const dynamoUrl = dynamoDbEndpoint ?? dynamo?.url ?? "";
  const faux = buildApp({ defaultRegion: region, logger: false });
  const fauxUrl = await faux.listen({ port: 0, host: "127.0.0.1" });
  const eventBus = new EventBus();
  const busUrl = await eventBus.listen();
  const common = { region, credentials };
  const clients: AwsClients = {
    dynamoDb: new DynamoDBClient({ ...common, endpoint: dynamoUrl }),
    sqs: new SQSClient({ ...common, endpoint: fauxUrl }),
    s3: new S3Client({ ...common, endpoint: fauxUrl, forcePathStyle: true }),
    eventBridge: new EventBridgeClient({ ...common, endpoint: busUrl }),
  };
  tables += 1;
  const table = `sluice-${process.pid}-${Date.now()}-${tables}`;
  const bucket = "sluice-test";
  await clients.dynamoDb.send(new CreateTableCommand(createTableInput(table)));
  await clients.s3.send(new CreateBucketCommand({ Bucket: bucket }));
  for (const { name, topic } of queues) {
    const url = await createQueue(clients.sqs, name);
    eventBus.addRule({
      pattern: { source: [EVENT_SOURCE], "detail-type": [topic], "replay-name": [{ exists: false }] },
      deliver: async (event) => {
        const MessageGroupId = event.detail.tenant;
        await clients.sqs.send(
          new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(event), MessageGroupId }),
        );
      },
    });
  }
  return {
    clients,
    endpoints: { dynamoDb: dynamoUrl, sqs: fauxUrl, s3: fauxUrl, eventBridge: busUrl },
    table,
    bucket,
    bus: "sluice-test",
    queueUrlPrefix: `${fauxUrl}/000000000000/${PREFIX}-`,
    watchedQueueUrl: await createWatchedQueue(clients.sqs),
    eventBus,
    async close() {
      for (const client of Object.values(clients)) client.destroy();
      await eventBus.close();
      await faux.close();
      await dynamo?.close();
    },
  };
}

async function startDynalite(): Promise<{ url: string; close(): Promise<void> }> {
  const server = dynalite({ createTableMs: 0 });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** As the WebSocket API has it. Resolves with its URL. */
async function createWatchedQueue(sqs: SQSClient): Promise<string> {
  const Attributes = {
    FifoQueue: "true",
    DeduplicationScope: "messageGroup",
    FifoThroughputLimit: "perMessageGroupId",
  };
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: `${PREFIX}-watched.fifo`, Attributes }));
  if (QueueUrl === undefined) throw new Error("no queue of what is watched was made");
  return QueueUrl;
}

/** With its dead letters, as the pipeline makes it. Resolves with its URL. */
async function createQueue(sqs: SQSClient, name: string): Promise<string> {
  const dead = sqsDeadLetterQueueName(PREFIX, name);
  await sqs.send(new CreateQueueCommand({ QueueName: dead }));
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: `arn:aws:sqs:${region}:000000000000:${dead}`,
    maxReceiveCount: MAX_RECEIVES,
  });
  const { QueueUrl } = await sqs.send(
    new CreateQueueCommand({ QueueName: sqsQueueName(PREFIX, name), Attributes: { RedrivePolicy } }),
  );
  if (QueueUrl === undefined) throw new Error(`no queue ${name} was made`);
  return QueueUrl;
}
