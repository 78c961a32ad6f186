import { randomUUID } from "node:crypto";
import { createHandler as createDelivery } from "../../../lambdas/delivery/create-handler.ts";
import { createHandler as createSocket, type SocketEvent } from "../../../lambdas/socket/create-handler.ts";
import type { JobId } from "../../contract/ids.ts";
import type { ClientMessage, ServerMessage } from "../../contract/socket.ts";
import { SOCKET_PROTOCOL } from "../../contract/socket.ts";
import type { Runtime } from "../../core/runtime.ts";
import { ApiGatewaySockets } from "../../engines/aws/api-gateway-sockets.ts";
import { DeliveryQueue } from "../../engines/aws/delivery-queue.ts";
import { DynamoDbSubscribers } from "../../engines/aws/dynamodb-subscribers.ts";
import type { AroundInvocation } from "./around-invocation.ts";
import type { Connections } from "./connections.ts";
import { LambdaPoller } from "./lambda-poller.ts";
import type { LocalAws } from "./local-aws.ts";

export interface LocalWebSocketApiProps {
  readonly aws: LocalAws;
  readonly connections: Connections;
  /** One for each container. */
  readonly newRuntime: () => Runtime;
  readonly around: AroundInvocation;
  readonly onError: (error: unknown) => void;
}

/** What a client of ours sees and does, without a socket: frames go through the function, and come by the management API. */
export interface LocalClient {
  readonly connectionId: string;
  readonly frames: () => readonly ServerMessage[];
  send(message: ClientMessage): Promise<void>;
  /** A frame that is no message of ours. */
  sendRaw(body: string, isBase64Encoded?: boolean): Promise<void>;
  /** It is gone, and API Gateway tells the function so. */
  disconnect(): Promise<void>;
  /** It is gone, and nobody is told. */
  hangUp(): void;
}

/** The WebSocket API of a local deployment: its two functions, on local servers. */
export class LocalWebSocketApi {
  readonly connections: Connections;
  readonly subscribers: DynamoDbSubscribers;
  readonly #props: LocalWebSocketApiProps;
  readonly #socket: (event: SocketEvent) => Promise<{ readonly statusCode: number }>;
  readonly #poller: LambdaPoller;

  constructor(props: LocalWebSocketApiProps) {
    this.#props = props;
    const { aws, connections, newRuntime, around, onError } = props;
    this.connections = connections;
    const queue = new DeliveryQueue(aws.clients.sqs, aws.watchedQueueUrl);
    const sockets = new ApiGatewaySockets(connections.client());
    const container = () => {
      const runtime = newRuntime();
      const table = { client: aws.clients.dynamoDb, tableName: aws.table, clock: runtime.clock };
      return { ...runtime, sockets, subscribers: new DynamoDbSubscribers(table) };
    };
    const deps = container();
    this.subscribers = deps.subscribers;
    const socket = createSocket({ ...deps, deliver: (jobId) => queue.tell({ jobId }, randomUUID()) });
    const aboutSocket = { function: "Sluice/Sockets/Socket", records: 0, cold: false };
    this.#socket = (event) => around(aboutSocket, () => socket(event));
    this.#poller = new LambdaPoller({
      client: aws.clients.sqs,
      queueUrl: aws.watchedQueueUrl,
      newContainer: () => {
        const retryLater = (receipt: string, delayMs: number) => queue.retryLater(receipt, delayMs);
        const goOn = (jobId: JobId) => queue.tell({ jobId }, randomUUID());
        const delivery = createDelivery({ ...container(), retryLater, goOn });
        return (event, context) =>
          around({ function: "Sluice/Sockets/Delivery", records: event.Records.length, cold: false }, () =>
            delivery(event, context),
          );
      },
      batchSize: 10,
      maximumConcurrency: 4,
      visibilityS: 90,
      onError,
    });
  }

  start(): void {
    this.#poller.start();
  }

  stop(): Promise<void> {
    return this.#poller.stop();
  }

  /** Deliveries that were invoked. */
  get deliveries(): number {
    return this.#poller.invocations;
  }

  /** As the authorizer lets somebody in. @param jobId a ticket's */
  async connect(tenant: string, jobId?: JobId): Promise<LocalClient> {
    const connectionId = `${randomUUID().slice(0, 13)}=`;
    const authorizer = { tenant, ...(jobId === undefined ? {} : { jobId }) };
    const call = async (routeKey: string, more: Partial<SocketEvent> = {}): Promise<void> => {
      const event = { requestContext: { connectionId, routeKey, authorizer }, isBase64Encoded: false, ...more };
      const { statusCode } = await this.#socket(event);
      if (statusCode !== 200) throw new Error(`${routeKey} was answered ${statusCode}`);
    };
    await call("$connect", { headers: { "Sec-WebSocket-Protocol": SOCKET_PROTOCOL } });
    return {
      connectionId,
      frames: () => this.#props.connections.framesOf(connectionId) as readonly ServerMessage[],
      send: (message) => call("$default", { body: JSON.stringify(message) }),
      sendRaw: (body, isBase64Encoded = false) => call("$default", { body, isBase64Encoded }),
      disconnect: async () => {
        this.#props.connections.hangUp(connectionId);
        await call("$disconnect");
      },
      hangUp: () => this.#props.connections.hangUp(connectionId),
    };
  }
}
