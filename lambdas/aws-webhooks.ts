import { randomUUID } from "node:crypto";
import type { Metrics } from "../src/core/runtime.ts";
import { awsClients } from "../src/engines/aws/aws-clients.ts";
import { DynamoDbLogReader } from "../src/engines/aws/dynamodb-log-reader.ts";
import { DynamoDbRecords } from "../src/engines/aws/dynamodb-records.ts";
import type { Environment } from "../src/engines/aws/environment.ts";
import { functionClock } from "../src/engines/aws/function-clock.ts";
import { S3Blobs, S3Snapshots } from "../src/engines/aws/s3-blobs.ts";
import { SqsWorkQueue } from "../src/engines/aws/sqs-work-queue.ts";
import { functionLogger } from "./aws-runtime.ts";
import type { WebhookDeps } from "./webhooks/send-webhook.ts";

/** What functions need that have to do with webhooks: they know nothing of the app. */
export function awsWebhooks(environment: Environment<"webhooks">, metrics: Metrics): WebhookDeps {
  const { SLUICE_STAGE, SLUICE_TABLE: tableName, SLUICE_BUCKET: bucket } = environment;
  const { dynamoDb, s3, sqs } = awsClients();
  const table = { client: dynamoDb, tableName, clock: functionClock };
  const objects = { client: s3, bucket };
  const logger = functionLogger(SLUICE_STAGE);
  return {
    log: new DynamoDbLogReader(table),
    blobs: new S3Blobs(objects),
    snapshots: new S3Snapshots(objects),
    records: new DynamoDbRecords(table),
    queue: new SqsWorkQueue({ client: sqs, urlPrefix: environment.SLUICE_QUEUE_URL_PREFIX, clock: functionClock }),
    clock: functionClock,
    random: Math.random,
    holder: `aws-${randomUUID()}`,
    // One that has stopped answering may still be frozen in the middle of an attempt.
    isGone: () => false,
    logger,
    metrics,
    webhooksToLoopback: environment.SLUICE_WEBHOOKS_TO_LOOPBACK ?? false,
  };
}
