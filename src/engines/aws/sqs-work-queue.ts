import { JSONStringified } from "@aws-lambda-powertools/parser/helpers";
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type QueueAttributeName,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
  type Message as SqsMessage,
} from "@aws-sdk/client-sqs";
import { BusEvent, EVENT_SOURCE, type Message, type MessageDetail } from "../../contract/messages.ts";
import { sqsDeadLetterSuffix, sqsSuffix } from "../../contract/queue-names.ts";
import type {
  Backlog,
  DeadLetter,
  DeadLetterReason,
  Delivery,
  QueueStats,
  Receipt,
  WorkQueue,
} from "../../core/ports.ts";
import type { QueueMetric } from "./queue-metric.ts";

export interface SqsWorkQueueProps {
  readonly client: SQSClient;
  /** What every queue's URL begins with: `https://sqs.REGION.amazonaws.com/ACCOUNT/PREFIX-`. */
  readonly urlPrefix: string;
  /** Without it, no ages are told. */
  readonly ages?: QueueMetric;
  /** Without it, nobody knows how fast a queue is worked off. */
  readonly deleted?: QueueMetric;
}

/** Some messages of a batch could not be deleted: they come again, and are found done. */
export class AckError extends Error {
  override readonly name = "AckError";
}

/** Limits of SQS (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html). */
const MAX_BATCH = 10;
const MAX_DELAY_S = 900;
const MAX_VISIBILITY_S = 43_200;
const MAX_REASON_CHARACTERS = 1_000;
/** For which a look at dead letters hides them from other looks, in seconds. */
const PEEK_VISIBILITY_S = 10;
const PEEK_WAIT_S = 1;
const MAX_PEEKS = 20;
const ACK_TRIES = 3;

const COUNTS = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesDelayed",
  "ApproximateNumberOfMessagesNotVisible",
] as const satisfies QueueAttributeName[];

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

  constructor({ client, urlPrefix, ages, deleted }: SqsWorkQueueProps) {
    this.#client = client;
    this.#urlPrefix = urlPrefix;
    this.#ages = ages;
    this.#deleted = deleted;
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
      const message = Parsed.safeParse(Body);
      // A body that is no event of ours keeps nobody from the others. Its queue sets it aside in the end.
      if (!message.success) return [];
      return [
        {
          queue,
          receipt: ReceiptHandle,
          messageId: MessageId,
          message: message.data,
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
          this.#delete(queue, of.slice(n * MAX_BATCH, (n + 1) * MAX_BATCH)),
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

  async deadLetters(queue: string, max: number): Promise<readonly DeadLetter[]> {
    const url = this.#deadLetterUrl(queue);
    const seen = new Map<string, SqsMessage>();
    // A receive shows some of a queue: the oldest are known only when all have been seen. One that does not wait asks a
    // sample of SQS's servers, and may find nothing where there is something
    // (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html).
    for (let peeks = 0; peeks < MAX_PEEKS; peeks++) {
      const { Messages = [] } = await this.#client.send(
        new ReceiveMessageCommand({
          QueueUrl: url,
          MaxNumberOfMessages: MAX_BATCH,
          VisibilityTimeout: PEEK_VISIBILITY_S,
          WaitTimeSeconds: PEEK_WAIT_S,
          MessageSystemAttributeNames: ["SentTimestamp"],
          MessageAttributeNames: ["All"],
        }),
      );
      if (Messages.length === 0) break;
      for (const message of Messages) seen.set(message.MessageId ?? "", message);
    }
    await Promise.all([...seen.values()].map((message) => this.#giveBack(url, message)));
    return [...seen.values()]
      .flatMap(deadLetterOf)
      .sort((a, b) => a.deadLetteredAtMs - b.deadLetteredAtMs)
      .slice(0, max);
  }

  async #giveBack(url: string, { ReceiptHandle }: SqsMessage): Promise<void> {
    // If it does not work, the message shows itself again in a moment anyway.
    await this.#client
      .send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout: 0 }))
      .catch(() => {});
  }

  async stats(queue: string): Promise<QueueStats> {
    const [own, dead] = await Promise.all([this.#own(queue), this.#counts(this.#deadLetterUrl(queue))]);
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
    const [ready, delayed, inFlight] = await this.#counts(url);
    const oldestS = ready === 0 ? 0 : await this.#ages?.latest(nameOf(url));
    const oldestAgeMs = oldestS === undefined ? undefined : 1_000 * oldestS;
    return { ready, delayed, inFlight, oldestAgeMs };
  }

  async #counts(url: string): Promise<[visible: number, delayed: number, notVisible: number]> {
    const { Attributes = {} } = await this.#client.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...COUNTS] }),
    );
    const [visible, delayed, notVisible] = COUNTS.map((name) => Number(Attributes[name] ?? 0));
    return [visible ?? 0, delayed ?? 0, notVisible ?? 0];
  }

  async #send(
    url: string,
    message: Message,
    options: Pick<SendMessageCommand["input"], "DelaySeconds" | "MessageAttributes">,
  ): Promise<void> {
    await this.#client.send(
      new SendMessageCommand({
        QueueUrl: url,
        MessageBody: JSON.stringify({ source: EVENT_SOURCE, "detail-type": message.topic, detail: message.detail }),
        MessageGroupId: message.detail.tenant,
        ...options,
      }),
    );
  }

  /** A receipt that is over is somebody else's message by now: nothing to do. */
  async #delete(queue: string, receipts: readonly Receipt[]): Promise<void> {
    let left = receipts;
    for (let tries = 1; ; tries++) {
      const { Failed = [] } = await this.#client.send(
        new DeleteMessageBatchCommand({
          QueueUrl: this.#url(queue),
          Entries: left.map(({ receipt }, n) => ({ Id: String(n), ReceiptHandle: receipt })),
        }),
      );
      const again = Failed.filter(({ SenderFault }) => !SenderFault);
      if (again.length === 0) return;
      if (tries === ACK_TRIES) {
        const codes = [...new Set(again.map(({ Code }) => Code))].join(", ");
        throw new AckError(`${again.length} messages of ${queue} could not be deleted: ${codes}`);
      }
      left = again.flatMap(({ Id }) => left[Number(Id)] ?? []);
    }
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

const Parsed = JSONStringified(BusEvent).transform(
  (event): Message => ({ topic: event["detail-type"], detail: event.detail as MessageDetail }),
);

/** None for a body that is no event of ours: it is counted, but nothing can be said of it. */
function deadLetterOf({ Body, Attributes, MessageAttributes }: SqsMessage): DeadLetter[] {
  const seq = MessageAttributes?.seq?.StringValue;
  const message = Parsed.safeParse(Body);
  if (!message.success) return [];
  return [
    {
      message: message.data,
      reason: MessageAttributes?.reason?.StringValue ?? "received too often without an answer",
      deadLetteredAtMs: Number(Attributes?.SentTimestamp),
      ...(seq === undefined ? {} : { seq: Number(seq) }),
    },
  ];
}

/** What SQS takes as an attribute: some text without the control characters that XML forbids. */
function attributeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that SQS refuses
  const clean = text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "?");
  return clean.slice(0, MAX_REASON_CHARACTERS).toWellFormed() || "no reason was given";
}
