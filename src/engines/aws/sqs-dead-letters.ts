import {
  ChangeMessageVisibilityBatchCommand,
  ReceiveMessageCommand,
  type SQSClient,
  type Message as SqsMessage,
} from "@aws-sdk/client-sqs";
import type { Clock, DeadLetter, DeadLetterReview, DeadLetterVerdict } from "../../core/ports.ts";
import { deleteMessages, MAX_BATCH } from "./sqs-batches.ts";
import { messageOf } from "./sqs-body.ts";
import { queueCounts } from "./sqs-counts.ts";

export interface SqsDeadLettersProps {
  readonly client: SQSClient;
  readonly clock: Clock;
}

/** For which a look at dead letters hides them from other looks, in seconds. */
const PEEK_VISIBILITY_S = 10;
/** Longer than a review takes. After that another may see the letter, and this one neither deletes it nor gives it back. */
const REVIEW_VISIBILITY_S = 60;
/** Of that, for the call that deletes. */
const DELETE_MARGIN_MS = 10_000;
/**
 * A receive that does not wait asks a sample of SQS's servers, and may find nothing where there is something
 * (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html).
 */
const WAIT_S = 1;
const MAX_PEEKS = 20;
const MAX_FIRST_LOOKS = 10_000;

/** What waits in dead-letter queues, looked at by receiving it. */
export class SqsDeadLetters {
  readonly #client: SQSClient;
  readonly #clock: Clock;
  /**
   * When a message that SQS moved by itself was first reviewed, in epoch ms, by its id: SQS tells when it was first sent, and
   * not when it was moved. Where it is forgotten, the time begins anew.
   */
  readonly #firstLooks = new Map<string, number>();

  constructor({ client, clock }: SqsDeadLettersProps) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The oldest, oldest first. */
  async oldest(url: string, max: number): Promise<readonly DeadLetter[]> {
    const seen = new Map<string, SqsMessage>();
    // A receive shows some of a queue: the oldest are known only when all have been seen.
    for (let peeks = 0; peeks < MAX_PEEKS; peeks++) {
      const messages = await this.#look(url, MAX_BATCH, PEEK_VISIBILITY_S);
      if (messages.length === 0) break;
      for (const message of messages) seen.set(message.MessageId ?? "", message);
    }
    await this.#giveBack(url, [...seen.values()]);
    return [...seen.values()]
      .flatMap((message) => deadLetterOf(message) ?? [])
      .sort((a, b) => a.deadLetteredAtMs - b.deadLetteredAtMs)
      .slice(0, max);
  }

  /** See the port's `reviewDeadLetters`. An empty queue costs one call. */
  async review(
    url: string,
    judge: (letter: DeadLetter) => Promise<DeadLetterVerdict>,
    max: number,
  ): Promise<DeadLetterReview> {
    const [visible] = await queueCounts(this.#client, url);
    const most = Math.min(max, visible);
    const stay: { readonly message: SqsMessage; readonly untilMs: number }[] = [];
    const faults: unknown[] = [];
    let removed = 0;
    let malformed = 0;
    try {
      for (let looks = 0; looks < most; ) {
        const untilMs = this.#clock.now() + REVIEW_VISIBILITY_S * 1_000 - DELETE_MARGIN_MS;
        const messages = await this.#look(url, Math.min(most - looks, MAX_BATCH), REVIEW_VISIBILITY_S);
        if (messages.length === 0) break;
        looks += messages.length;
        const gone: SqsMessage[] = [];
        await Promise.all(
          messages.map(async (message) => {
            const letter = this.#letter(message);
            if (letter === undefined) malformed += 1;
            const verdict = letter && (await judge(letter).catch((error: unknown) => void faults.push(error)));
            if (verdict === "remove") gone.push(message);
            else stay.push({ message, untilMs });
          }),
        );
        if (this.#clock.now() >= untilMs) {
          // Two who judged copies of one letter, each keeping another of them, would leave none.
          stay.push(...gone.map((message) => ({ message, untilMs })));
        } else if (gone.length > 0) {
          const handles = gone.map(({ ReceiptHandle }) => ReceiptHandle ?? "");
          await deleteMessages(this.#client, url, handles);
          removed += gone.length;
        }
      }
    } finally {
      // All of them at the end: what is given back would be looked at again.
      const nowMs = this.#clock.now();
      await this.#giveBack(
        url,
        stay.filter(({ untilMs }) => nowMs < untilMs).map(({ message }) => message),
      );
    }
    if (faults.length > 0) throw faults[0];
    return { kept: stay.length - malformed, removed, malformed };
  }

  async #look(url: string, most: number, visibilityS: number): Promise<SqsMessage[]> {
    const { Messages = [] } = await this.#client.send(
      new ReceiveMessageCommand({
        QueueUrl: url,
        MaxNumberOfMessages: most,
        VisibilityTimeout: visibilityS,
        WaitTimeSeconds: WAIT_S,
        MessageSystemAttributeNames: ["SentTimestamp"],
        MessageAttributeNames: ["All"],
      }),
    );
    return Messages;
  }

  #letter(message: SqsMessage): DeadLetter | undefined {
    const letter = deadLetterOf(message);
    if (letter === undefined || message.MessageAttributes?.reason !== undefined) return letter;
    const id = message.MessageId ?? "";
    const firstLookMs = this.#firstLooks.get(id) ?? this.#clock.now();
    if (this.#firstLooks.size >= MAX_FIRST_LOOKS) this.#firstLooks.clear();
    this.#firstLooks.set(id, firstLookMs);
    return { ...letter, deadLetteredAtMs: firstLookMs };
  }

  /** Makes them visible again. If it does not work, they show themselves in a moment anyway. */
  async #giveBack(url: string, messages: readonly SqsMessage[]): Promise<void> {
    for (let at = 0; at < messages.length; at += MAX_BATCH) {
      const Entries = messages
        .slice(at, at + MAX_BATCH)
        .map(({ ReceiptHandle }, n) => ({ Id: String(n), ReceiptHandle, VisibilityTimeout: 0 }));
      const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries });
      await this.#client.send(command).catch(() => undefined);
    }
  }
}

/** Undefined for a body that is no event of ours: it is counted, but nothing can be said of it. */
function deadLetterOf({ Body, Attributes, MessageAttributes }: SqsMessage): DeadLetter | undefined {
  const message = messageOf(Body);
  const seq = MessageAttributes?.seq?.StringValue;
  return (
    message && {
      message,
      reason: MessageAttributes?.reason?.StringValue ?? "received too often without an answer",
      deadLetteredAtMs: Number(Attributes?.SentTimestamp),
      ...(seq === undefined ? {} : { seq: Number(seq) }),
    }
  );
}
