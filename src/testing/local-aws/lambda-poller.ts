import {
  DeleteMessageBatchCommand,
  type Message,
  type QueueAttributeName,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";

type SqsHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;

export interface LambdaPollerProps {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** A container of the function: called once for each invocation that runs at the same time as others. */
  readonly newContainer: () => SqsHandler;
  readonly batchSize: number;
  readonly maximumConcurrency: number;
  readonly visibilityS: number;
  readonly onError: (error: unknown) => void;
}

const IDLE_WAIT_S = 1;
const ALL = ["All"] as unknown as QueueAttributeName[];

/**
 * What Lambda does for a queue (docs.aws.amazon.com/lambda/latest/dg/with-sqs.html): brings batches to containers of a
 * function, each of which has one at a time, and deletes what did not fail.
 */
export class LambdaPoller {
  readonly #props: LambdaPollerProps;
  readonly #loops: Promise<void>[] = [];
  readonly #stop = new AbortController();
  invocations = 0;

  constructor(props: LambdaPollerProps) {
    this.#props = props;
  }

  start(): void {
    for (let n = 0; n < this.#props.maximumConcurrency; n++) this.#loops.push(this.#loop());
  }

  /** Waits for the invocations that run. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  async #loop(): Promise<void> {
    let handler: SqsHandler | undefined;
    while (!this.#stop.signal.aborted) {
      const messages = await this.#receive().catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#props.onError(error);
        return [];
      });
      if (messages.length === 0) continue;
      handler ??= this.#props.newContainer();
      await this.#invoke(handler, messages).catch((error: unknown) => {
        // A container that has died is not used again.
        handler = undefined;
        this.#props.onError(error);
      });
    }
  }

  async #receive(): Promise<Message[]> {
    const { client, queueUrl, batchSize, visibilityS } = this.#props;
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: batchSize,
        VisibilityTimeout: visibilityS,
        WaitTimeSeconds: IDLE_WAIT_S,
        MessageSystemAttributeNames: ALL as never,
        MessageAttributeNames: ["All"],
      }),
      { abortSignal: this.#stop.signal },
    );
    return Messages;
  }

  async #invoke(handler: SqsHandler, messages: readonly Message[]): Promise<void> {
    const { client, queueUrl, visibilityS } = this.#props;
    this.invocations += 1;
    const event: SQSEvent = { Records: messages.map((message) => recordOf(message, queueUrl)) };
    const context = {
      functionName: "local",
      awsRequestId: `invocation-${this.invocations}`,
      getRemainingTimeInMillis: () => visibilityS * 1_000,
    } as Context;
    const { batchItemFailures } = await handler(event, context);
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    const done = messages.filter(({ MessageId }) => !failed.has(MessageId ?? ""));
    if (done.length === 0) return;
    await client.send(
      new DeleteMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: done.map(({ ReceiptHandle }, n) => ({ Id: String(n), ReceiptHandle })),
      }),
    );
  }
}

function recordOf(message: Message, queueUrl: string): SQSRecord {
  return {
    messageId: message.MessageId ?? "",
    receiptHandle: message.ReceiptHandle ?? "",
    body: message.Body ?? "",
    attributes: message.Attributes as unknown as SQSRecord["attributes"],
    messageAttributes: {},
    md5OfBody: message.MD5OfBody ?? "",
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:us-east-1:000000000000:${queueUrl.slice(queueUrl.lastIndexOf("/") + 1)}`,
    awsRegion: "us-east-1",
  };
}
