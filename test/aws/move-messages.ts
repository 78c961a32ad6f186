import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { sqsDeadLetterSuffix, sqsSuffix } from "../../src/contract/queue-names.ts";
import type { LocalAws } from "../../src/testing/local-aws/local-aws.ts";

/**
 * What `StartMessageMoveTask` does with the dead letters of a queue, which no local server has: each is a new message of the
 * queue, its body and its attributes unchanged. Resolves with how many.
 */
export async function moveMessages({ clients: { sqs }, queueUrlPrefix }: LocalAws, queue: string): Promise<number> {
  const source = queueUrlPrefix + sqsDeadLetterSuffix(queue);
  for (let moved = 0; ; ) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: source,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ["All"],
        MessageSystemAttributeNames: ["MessageGroupId"],
      }),
    );
    if (Messages.length === 0) return moved;
    for (const { Body, MessageAttributes, Attributes, ReceiptHandle } of Messages) {
      const group = Attributes?.MessageGroupId;
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: queueUrlPrefix + sqsSuffix(queue),
          MessageBody: Body,
          ...(MessageAttributes ? { MessageAttributes } : {}),
          ...(group === undefined ? {} : { MessageGroupId: group }),
        }),
      );
      await sqs.send(new DeleteMessageCommand({ QueueUrl: source, ReceiptHandle }));
      moved += 1;
    }
  }
}
