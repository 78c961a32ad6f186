import { ChangeMessageVisibilityCommand, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { WatchedJob } from "../../contract/watched-job.ts";

/** The FIFO queue that delivery works on. A job's messages come one after the other: nobody is sent one event by two at once. */
export class DeliveryQueue {
  readonly #client: SQSClient;
  readonly #url: string;

  constructor(client: SQSClient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  /** @param id what makes it another one than the last: it comes once for each within five minutes */
  async tell(job: WatchedJob, id: string): Promise<void> {
    await this.#client.send(
      new SendMessageCommand({
        QueueUrl: this.#url,
        MessageBody: JSON.stringify(job),
        MessageGroupId: job.jobId,
        MessageDeduplicationId: id,
      }),
    );
  }

  /** Has a message come again, and those behind it wait until then. */
  async retryLater(receipt: string, delayMs: number): Promise<void> {
    await this.#client.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: this.#url,
        ReceiptHandle: receipt,
        VisibilityTimeout: Math.ceil(delayMs / 1_000),
      }),
    );
  }
}
