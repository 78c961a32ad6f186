import {
  ChangeMessageVisibilityCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { Message } from "../../contract/messages.ts";
import { sqsDeadLetterSuffix, sqsSuffix } from "../../contract/queue-names.ts";
import type {
  Backlog,
  Clock,
  DeadLetter,
  DeadLetterReason,
  DeadLetterReview,
  DeadLetterVerdict,
  Delivery,
  QueueStats,
  Receipt,
  WorkQueue,
} from "../../core/ports.ts";
import type { QueueMetric } from "./queue-metric.ts";
import { deleteMessages, MAX_BATCH } from "./sqs-batches.ts";
import { bodyOf, messageOf } from "./sqs-body.ts";
import { queueCounts } from "./sqs-counts.ts";
import { SqsDeadLetters } from "./sqs-dead-letters.ts";

export interface SqsWorkQueueProps {
  readonly client: SQSClient;
  /** What every queue's URL begins with: `https://sqs.REGION.amazonaws.com/ACCOUNT/PREFIX-`. */
  readonly urlPrefix: string;
  readonly clock: Clock;
  /** Without it, no ages are told. */
  readonly ages?: QueueMetric;
  /** Without it, nobody knows how fast a queue is worked off. */
  readonly deleted?: QueueMetric;
}

/** Limits of SQS (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html). */
const MAX_DELAY_S = 900;
const MAX_VISIBILITY_S = 43_200;
const MAX_REASON_CHARACTERS = 1_000;

/**
 * Standard queues whose message group is the tenant, which makes them fair queues
 * (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html). Bodies are events as a bus
 * delivers them, whoever sent them.
 */
export class SqsWorkQueue implements WorkQueue {
  readonly #client: SQSClient;
  readonly #urlPrefix: string;
  readonly #ages: QueueMetric | undefined;
  readonly #deleted: QueueMetric | undefined;
  readonly #dead: SqsDeadLetters;

  constructor({ client, urlPrefix, clock, ages, deleted }: SqsWorkQueueProps) {
    this.#client = client;
    this.#urlPrefix = urlPrefix;
    this.#ages = ages;
    this.#deleted = deleted;
    this.#dead = new SqsDeadLetters({ client, clock });
  }

  async receive(queue: string, max: number, visibilityMs: number): Promise<readonly Delivery[]> {
    const { Messages = [] } = await this.#client.send(
      new ReceiveMessageCommand({
        QueueUrl: this.#url(queue),
        MaxNumberOfMessages: Math.min(max, MAX_BATCH),
        VisibilityTimeout: seconds(visibilityMs, MAX_VISIBILITY_S),
        MessageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp"],
      }),
    );
    return Messages.flatMap(({ Body, MessageId = "", ReceiptHandle = "", Attributes }) => {
      const message = messageOf(Body);
      // A body that is no event of ours keeps nobody from the others. Its queue sets it aside in the end.
      if (message === undefined) return [];
      return [
        {
          queue,
          receipt: ReceiptHandle,
          messageId: MessageId,
          message,
          receiveCount: Number(Attributes?.ApproximateReceiveCount),
          enqueuedAtMs: Number(Attributes?.SentTimestamp),
        },
      ];
    });
  }

  async ack(receipts: readonly Receipt[]): Promise<void> {
    const byQueue = Map.groupBy(receipts, ({ queue }) => queue);
    await Promise.all(
      [...byQueue].flatMap(([queue, of]) =>
        Array.from({ length: Math.ceil(of.length / MAX_BATCH) }, (_, n) =>
          deleteMessages(
            this.#client,
            this.#url(queue),
            of.slice(n * MAX_BATCH, (n + 1) * MAX_BATCH).map(({ receipt }) => receipt),
          ),
        ),
      ),
    );
  }

  async retryLater({ queue, receipt }: Receipt, delayMs: number): Promise<void> {
    await this.#client.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: this.#url(queue),
        ReceiptHandle: receipt,
        VisibilityTimeout: seconds(delayMs, MAX_VISIBILITY_S),
      }),
    );
  }

  async defer(queue: string, message: Message, delayMs: number): Promise<void> {
    await this.#send(this.#url(queue), message, { DelaySeconds: seconds(delayMs, MAX_DELAY_S) });
  }

  async deadLetter(queue: string, message: Message, { reason, seq }: DeadLetterReason): Promise<void> {
    await this.#send(this.#deadLetterUrl(queue), message, {
      MessageAttributes: {
        reason: { DataType: "String", StringValue: attributeText(reason) },
        ...(seq === undefined ? {} : { seq: { DataType: "Number", StringValue: String(seq) } }),
      },
    });
  }

  deadLetters(queue: string, max: number): Promise<readonly DeadLetter[]> {
    return this.#dead.oldest(this.#deadLetterUrl(queue), max);
  }

  reviewDeadLetters(
    queue: string,
    judge: (letter: DeadLetter) => Promise<DeadLetterVerdict>,
    max: number,
  ): Promise<DeadLetterReview> {
    return this.#dead.review(this.#deadLetterUrl(queue), judge, max);
  }

  async stats(queue: string): Promise<QueueStats> {
    const [own, dead] = await Promise.all([this.#own(queue), queueCounts(this.#client, this.#deadLetterUrl(queue))]);
    // A dead letter that somebody looks at is in flight for a moment: it is one all the same.
    return { ...own, deadLetters: dead[0] + dead[1] + dead[2] };
  }

  async backlog(queue: string): Promise<Backlog> {
    const { ready, oldestAgeMs, delayed } = await this.#own(queue);
    return { ready, oldestAgeMs, delayed };
  }

  async drainedPerSecond(queue: string): Promise<number | undefined> {
    const aMinute = await this.#deleted?.latest(nameOf(this.#url(queue)));
    return aMinute === undefined ? undefined : aMinute / 60;
  }

  async #own(queue: string): Promise<Omit<QueueStats, "deadLetters">> {
    const url = this.#url(queue);
    const [ready, delayed, inFlight] = await queueCounts(this.#client, url);
    const oldestS = ready === 0 ? 0 : await this.#ages?.latest(nameOf(url));
    const oldestAgeMs = oldestS === undefined ? undefined : 1_000 * oldestS;
    return { ready, delayed, inFlight, oldestAgeMs };
  }

  async #send(
    url: string,
    message: Message,
    options: Pick<SendMessageCommand["input"], "DelaySeconds" | "MessageAttributes">,
  ): Promise<void> {
    await this.#client.send(
      new SendMessageCommand({
        QueueUrl: url,
        MessageBody: bodyOf(message),
        MessageGroupId: message.detail.tenant,
        ...options,
      }),
    );
  }

  #url(queue: string): string {
    return this.#urlPrefix + sqsSuffix(queue);
  }

  #deadLetterUrl(queue: string): string {
    return this.#urlPrefix + sqsDeadLetterSuffix(queue);
  }
}

const nameOf = (url: string): string => url.slice(url.lastIndexOf("/") + 1);

/** Whole seconds, never shorter than asked for. */
const seconds = (ms: number, most: number): number => Math.min(Math.max(Math.ceil(ms / 1_000), 0), most);

/** What SQS takes as an attribute: some text without the control characters that XML forbids. */
function attributeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that SQS refuses
  const clean = text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "?");
  return clean.slice(0, MAX_REASON_CHARACTERS).toWellFormed() || "no reason was given";
}
