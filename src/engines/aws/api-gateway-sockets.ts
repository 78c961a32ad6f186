import {
  type ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GoneException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import type { Sockets } from "../../core/subscribers.ts";
import { asUnavailable } from "./unavailable.ts";

/**
 * Connections of a WebSocket API, by its management API (docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html).
 * A frame whose answer was lost is sent again, and may so come twice. It waits at API Gateway for a client that is slow; where too
 * much waits, or too many are sent at once, the frame is refused as one that may go later.
 */
export class ApiGatewaySockets implements Sockets {
  readonly #client: ApiGatewayManagementApiClient;

  constructor(client: ApiGatewayManagementApiClient) {
    this.#client = client;
  }

  async post(connectionId: string, frame: string): Promise<"sent" | "gone"> {
    const post = new PostToConnectionCommand({ ConnectionId: connectionId, Data: Buffer.from(frame) });
    return (await this.#known(this.#client.send(post))) ? "sent" : "gone";
  }

  /** API Gateway takes neither code nor reason: what a client must know is to be sent before. */
  async close(connectionId: string): Promise<void> {
    await this.#known(this.#client.send(new DeleteConnectionCommand({ ConnectionId: connectionId })));
  }

  /** False for a connection that is not there. */
  async #known(call: Promise<unknown>): Promise<boolean> {
    try {
      await call;
      return true;
    } catch (error) {
      if (error instanceof GoneException) return false;
      throw asUnavailable(error);
    }
  }
}
