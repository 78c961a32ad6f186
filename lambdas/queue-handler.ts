import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { JSONStringified } from "@aws-lambda-powertools/parser/helpers";
import middy from "@middy/core";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { CommitId } from "../src/contract/ids.ts";
import { BusEvent, type MessageDetail } from "../src/contract/messages.ts";
import type { Runtime } from "../src/core/runtime.ts";
import { errorKeys } from "./error-keys.ts";
import { flushing } from "./flushing.ts";

export type QueueHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;

/** A record after its body was checked. */
export interface CheckedRecord {
  readonly topic: string;
  readonly detail: MessageDetail;
  readonly receiveCount: number;
  readonly claimedBy: CommitId | undefined;
  /** When the invocation is cut off, in epoch ms. */
  readonly endsAtMs: number;
  /** Other records of the same batch. */
  readonly company: number;
}

/** Says that the record stays in its queue. Thrown because that is how a batch processor is told. */
class StaysInQueue extends Error {
  override readonly name = "StaysInQueue";
}

const Body = JSONStringified(BusEvent);
/** Before a record that an engine failed on comes again, in ms: doubled by each time that it has, up to the most. */
const FAULT_DELAY_MS = 5_000;
const MAX_FAULT_DELAY_MS = 300_000;

/**
 * A Lambda handler for a queue's batches: records are worked concurrently, each is answered for by itself
 * (docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html). A record that has to wait keeps its place
 * by its visibility timeout. A batch in which every record waits is no error.
 */
export function queueHandler(
  queueName: string,
  handle: (record: CheckedRecord) => Promise<{ readonly retryAfterMs: number | undefined }>,
  {
    queue,
    clock,
    logger,
    ...settling
  }: Pick<Runtime, "queue" | "clock" | "logger" | "metrics" | "watchers" | "deltas">,
): QueueHandler {
  const record = async (raw: SQSRecord, batch: Pick<CheckedRecord, "endsAtMs" | "company">): Promise<void> => {
    const receipt = { queue: queueName, receipt: raw.receiptHandle };
    const body = Body.safeParse(raw.body);
    if (!body.success) {
      // It can never be handled. Its queue sets it aside, as it is, once it has been received too often: soon.
      logger.error("malformed message", { queue: queueName, messageId: raw.messageId });
      await queue.retryLater(receipt, 0);
      throw new StaysInQueue();
    }
    const receiveCount = Number(raw.attributes.ApproximateReceiveCount);
    let retryAfterMs: number | undefined;
    try {
      ({ retryAfterMs } = await handle({
        topic: body.data["detail-type"],
        detail: body.data.detail as MessageDetail,
        receiveCount,
        claimedBy: raw.messageAttributes.claimedBy?.stringValue as CommitId | undefined,
        ...batch,
      }));
    } catch (error) {
      const about = { queue: queueName, messageId: raw.messageId, jobId: body.data.detail.jobId };
      logger.error("message could not be handled", { ...about, ...errorKeys(error) });
      // An outage of minutes must not use up the receives after which a queue sets a message aside.
      retryAfterMs = Math.min(FAULT_DELAY_MS * 2 ** (receiveCount - 1), MAX_FAULT_DELAY_MS);
    }
    if (retryAfterMs === undefined) return;
    await queue.retryLater(receipt, retryAfterMs);
    throw new StaysInQueue();
  };
  return middy<SQSEvent, SQSBatchResponse>()
    .use(flushing(settling))
    .handler((event, context) => {
      const batch = {
        endsAtMs: clock.now() + context.getRemainingTimeInMillis(),
        company: event.Records.length - 1,
      };
      return processPartialResponse(event, (raw: SQSRecord) => record(raw, batch), new BatchProcessor(EventType.SQS), {
        context,
        throwOnFullBatchFailure: false,
      });
    });
}
