import type { Clock } from "../src/core/ports.ts";
import type { JobStores } from "../src/core/read-job.ts";
import type { Logger } from "../src/core/runtime.ts";
import type { Sockets, Subscribers } from "../src/core/subscribers.ts";
import { ApiGatewaySockets } from "../src/engines/aws/api-gateway-sockets.ts";
import { dynamoDbClient, socketsClient, sqsClient } from "../src/engines/aws/aws-clients.ts";
import { DeliveryQueue } from "../src/engines/aws/delivery-queue.ts";
import { DynamoDbSubscribers } from "../src/engines/aws/dynamodb-subscribers.ts";
import type { Environment } from "../src/engines/aws/environment.ts";
import { functionClock } from "../src/engines/aws/function-clock.ts";
import { awsReads } from "./aws-reads.ts";

/** What a function needs that serves connections, or sends to them. */
export function awsPush(
  environment: Environment<"socket" | "delivery">,
  name: string,
): JobStores & {
  readonly subscribers: Subscribers;
  readonly sockets: Sockets;
  readonly queue: DeliveryQueue;
  readonly clock: Clock;
  readonly logger: Logger;
} {
  const clock = functionClock;
  const { SLUICE_TABLE: tableName, SLUICE_SOCKET_ENDPOINT, SLUICE_DELIVERY_QUEUE_URL } = environment;
  const { index: _, ...reads } = awsReads(environment, name);
  return {
    ...reads,
    subscribers: new DynamoDbSubscribers({ client: dynamoDbClient(), tableName, clock }),
    sockets: new ApiGatewaySockets(socketsClient(SLUICE_SOCKET_ENDPOINT)),
    queue: new DeliveryQueue(sqsClient(), SLUICE_DELIVERY_QUEUE_URL),
    clock,
  };
}
