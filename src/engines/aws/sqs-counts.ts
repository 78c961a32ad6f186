import { GetQueueAttributesCommand, type QueueAttributeName, type SQSClient } from "@aws-sdk/client-sqs";

const COUNTS = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesDelayed",
  "ApproximateNumberOfMessagesNotVisible",
] as const satisfies QueueAttributeName[];

/** How many messages a queue has, roughly. */
export async function queueCounts(
  client: SQSClient,
  url: string,
): Promise<[visible: number, delayed: number, notVisible: number]> {
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...COUNTS] }),
  );
  const [visible, delayed, notVisible] = COUNTS.map((name) => Number(Attributes[name] ?? 0));
  return [visible ?? 0, delayed ?? 0, notVisible ?? 0];
}
