import { DeleteMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";

/** Entries of one call (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html). */
export const MAX_BATCH = 10;
const TRIES = 3;

/** Some messages of a batch could not be deleted: they come again, and are found done. */
export class AckError extends Error {
  override readonly name = "AckError";
}

/** Deletes up to {@link MAX_BATCH} messages. A receipt that is over is somebody else's message by now: nothing to do. */
export async function deleteMessages(client: SQSClient, url: string, receipts: readonly string[]): Promise<void> {
  let left = receipts;
  for (let tries = 1; ; tries++) {
    const { Failed = [] } = await client.send(
      new DeleteMessageBatchCommand({
        QueueUrl: url,
        Entries: left.map((receipt, n) => ({ Id: String(n), ReceiptHandle: receipt })),
      }),
    );
    const again = Failed.filter(({ SenderFault }) => !SenderFault);
    if (again.length === 0) return;
    if (tries === TRIES) {
      const codes = [...new Set(again.map(({ Code }) => Code))].join(", ");
      const queue = url.slice(url.lastIndexOf("/") + 1);
      throw new AckError(`${again.length} messages of ${queue} could not be deleted: ${codes}`);
    }
    left = again.flatMap(({ Id }) => left[Number(Id)] ?? []);
  }
}
