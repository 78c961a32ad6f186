import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { sqsSuffix } from "../../src/contract/queue-names.ts";
import { MAX_RECEIVES } from "../../src/core/ports.ts";
import type { LocalAws } from "../../src/testing/local-aws/local-aws.ts";

/** Whoever receives a message of the queue is gone before it has done anything, until the queue sets it aside. */
export async function killEachConsumer({ clients, queueUrlPrefix }: LocalAws, queue: string): Promise<void> {
  const QueueUrl = queueUrlPrefix + sqsSuffix(queue);
  for (let receives = 0; receives <= MAX_RECEIVES; receives++) {
    await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }));
  }
}
