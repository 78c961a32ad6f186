import { randomUUID } from "node:crypto";
import type { JobId } from "../../contract/ids.ts";
import { DeltaSender } from "../../core/delta-sender.ts";
import type { Clock } from "../../core/ports.ts";
import type { Ports } from "../../core/runtime.ts";
import type { Sockets } from "../../core/subscribers.ts";
import { KeyedIds } from "../shared/keyed-ids.ts";
import { type AwsClients, awsClients } from "./aws-clients.ts";
import { DeliveryQueue } from "./delivery-queue.ts";
import { DynamoDbEventLog } from "./dynamodb-event-log.ts";
import { DynamoDbJobIndex } from "./dynamodb-job-index.ts";
import { DynamoDbLimits } from "./dynamodb-limits.ts";
import { DynamoDbRecords } from "./dynamodb-records.ts";
import { DynamoDbSubscribers } from "./dynamodb-subscribers.ts";
import { EventBridgeTopics } from "./eventbridge-topics.ts";
import { functionClock } from "./function-clock.ts";
import { PolledChanges } from "./polled-changes.ts";
import type { QueueMetric } from "./queue-metric.ts";
import { S3Blobs, S3Snapshots } from "./s3-blobs.ts";
import { SqsWatchers } from "./sqs-watchers.ts";
import { SqsWorkQueue } from "./sqs-work-queue.ts";

export interface AwsEngineOptions {
  readonly table: string;
  readonly bucket: string;
  readonly bus: string;
  /** What every queue's URL begins with. */
  readonly queueUrlPrefix: string;
  /** The queue of those who send to watchers. @default nobody can watch, and nobody is asked for */
  readonly deliveryQueueUrl?: string | undefined;
  /** Takes what steps stream to their watchers ahead of the log, in one try a frame. @default they have it from the log */
  readonly sockets?: Sockets | undefined;
  /** Which deployment this is; grows with each. */
  readonly deploySeq: number;
  /** Tells how old backlogs are. @default nothing does */
  readonly ages?: QueueMetric;
  /** Tells how fast queues are worked off. @default nothing does */
  readonly deleted?: QueueMetric;
  /** Something went wrong that is made good later: for the function's log. @default it is kept quiet */
  readonly onError?: (what: string, about: object) => void;
  /** @default made from the environment */
  readonly clients?: AwsClients;
  /** @default {@link functionClock} */
  readonly clock?: Clock;
}

/** Completions of one worker that end within this time share a commit (rule 21 of the job protocol). */
const COALESCE_MS = 25;
/** Each record of streamed text is a billed write. */
const PROGRESS_FLUSH_MS = 2_000;
/** What lags and is approximate anyway is not asked at every submission. */
const COUNTS_FRESH_MS = 2_000;
/** A look at a job is a billed read: a call that nobody waits for any more goes on for this long at most. */
const STOP_POLL_MS = 10_000;
/** How far the clocks of two functions may be apart. */
export const AWS_MAX_SKEW_MS = 10_000;

/** All ports on services of one account and region. */
export function openAwsEngine(options: AwsEngineOptions): Ports {
  const {
    table: tableName,
    bucket,
    bus,
    queueUrlPrefix,
    deliveryQueueUrl,
    sockets,
    deploySeq,
    ages,
    deleted,
    clock = functionClock,
    onError = () => {},
  } = options;
  const clients = options.clients ?? awsClients();
  const ids = new KeyedIds("sluice", clock);
  const table = { client: clients.dynamoDb, tableName, clock };
  const index = new DynamoDbJobIndex({
    ...table,
    onMalformed: (jobId, error) => onError("malformed head left out", { jobId, error: (error as Error).message }),
  });
  const random = (): number => ids.random();
  const topics = new EventBridgeTopics({ client: clients.eventBridge, busName: bus, clock, random });
  const onHeadMissed = (jobId: JobId, error: unknown): void =>
    onError("head not changed", { jobId, error: (error as Error).name });
  const subscribers = new DynamoDbSubscribers(table);
  const deltas =
    sockets &&
    new DeltaSender({
      subscribers,
      sockets,
      clock,
      onError: (what, error) => onError(what, { error: (error as Error).name }),
    });
  return {
    log: new DynamoDbEventLog({ ...table, index, topics, onHeadMissed }),
    index,
    topics,
    queue: new SqsWorkQueue({
      client: clients.sqs,
      urlPrefix: queueUrlPrefix,
      clock,
      ...(ages ? { ages } : {}),
      ...(deleted ? { deleted } : {}),
    }),
    blobs: new S3Blobs({ client: clients.s3, bucket }),
    snapshots: new S3Snapshots({ client: clients.s3, bucket }),
    clock,
    ids,
    holder: `aws-${randomUUID()}`,
    deploySeq,
    atomicEffects: false,
    progressFlushMs: PROGRESS_FLUSH_MS,
    limits: new DynamoDbLimits(table),
    records: new DynamoDbRecords(table),
    countsFreshMs: COUNTS_FRESH_MS,
    changes: new PolledChanges(clock),
    ...(deliveryQueueUrl === undefined
      ? {}
      : {
          watchers: new SqsWatchers({
            queue: new DeliveryQueue(clients.sqs, deliveryQueueUrl),
            subscribers,
            clock,
            ...(deltas ? { onFound: (jobId, watchers) => deltas.found(jobId, watchers) } : {}),
            onError: (jobId, error) => onError("watchers not told", { jobId, error: (error as Error).name }),
          }),
        }),
    ...(deltas ? { deltas } : {}),
    stopPollMs: STOP_POLL_MS,
    coalesce: (commit, expected) => {
      if (expected) clock.setTimer(COALESCE_MS, commit);
      else setImmediate(commit);
    },
    // A function that has stopped answering may still be frozen in the middle of a call.
    isGone: () => false,
  };
}
