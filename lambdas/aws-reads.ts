import type { JobIndex } from "../src/core/ports.ts";
import type { JobStores } from "../src/core/read-job.ts";
import type { Logger } from "../src/core/runtime.ts";
import { dynamoDbClient, s3Client } from "../src/engines/aws/aws-clients.ts";
import { DynamoDbJobIndex } from "../src/engines/aws/dynamodb-job-index.ts";
import { DynamoDbLimits } from "../src/engines/aws/dynamodb-limits.ts";
import { DynamoDbLogReader } from "../src/engines/aws/dynamodb-log-reader.ts";
import type { Environment } from "../src/engines/aws/environment.ts";
import { functionClock } from "../src/engines/aws/function-clock.ts";
import { PolledChanges } from "../src/engines/aws/polled-changes.ts";
import { S3Blobs, S3Snapshots } from "../src/engines/aws/s3-blobs.ts";
import type { EventStreamDeps } from "./events/event-stream.ts";
import { powerLogger } from "./power-logger.ts";
import { MAX_STREAM_MS } from "./response-streaming.ts";

/** What a function needs that reads jobs and knows nothing of the app. */
export function awsReads(
  { SLUICE_STAGE: stage, SLUICE_TABLE: tableName, SLUICE_BUCKET: bucket }: Environment<"jobs">,
  name: string,
): JobStores & { readonly index: JobIndex; readonly logger: Logger } {
  const table = { client: dynamoDbClient(), tableName, clock: functionClock };
  const objects = { client: s3Client(), bucket };
  const logger = powerLogger({ keys: { stage, function: name } });
  return {
    log: new DynamoDbLogReader(table),
    blobs: new S3Blobs(objects),
    snapshots: new S3Snapshots(objects),
    index: new DynamoDbJobIndex(table),
    onSnapshotLost: (jobId, error) => logger.warn("snapshot not read", { jobId, error: (error as Error).name }),
    logger,
  };
}

/** A place counts for longer than a stream lasts, so that none is free before its time. */
const PLACE_MS = MAX_STREAM_MS + 60_000;

/** What a function needs that shows events as they come. */
export function awsEventReads(environment: Environment<"events">): EventStreamDeps {
  const clock = functionClock;
  const table = { client: dynamoDbClient(), tableName: environment.SLUICE_TABLE, clock };
  return {
    ...awsReads(environment, "events"),
    changes: new PolledChanges(clock),
    clock,
    places: { limits: new DynamoDbLimits(table), most: environment.SLUICE_STREAMS, heldMs: PLACE_MS },
  };
}
