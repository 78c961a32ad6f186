import {
  type ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GoneException,
  LimitExceededException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import type { Sockets } from "../../core/subscribers.ts";
import { asUnavailable } from "./unavailable.ts";

/** For how long a connection may keep a frame from being handed over, all tries together, in ms. */
const TAKEN_WITHIN_MS = 3_000;

/**
 * Connections of a WebSocket API, by its management API (docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html).
 * A frame whose answer was lost is sent again, and may so come twice. It waits at API Gateway for a client that is slow; where too
 * much waits, or too many are sent at once, it refuses the frame. What it does not take in three seconds is refused here.
 */
export class ApiGatewaySockets implements Sockets {
  readonly #client: ApiGatewayManagementApiClient;
  readonly #takenWithinMs: number;

  constructor(client: ApiGatewayManagementApiClient, { takenWithinMs = TAKEN_WITHIN_MS } = {}) {
    this.#client = client;
    this.#takenWithinMs = takenWithinMs;
  }

  async post(connectionId: string, frame: string): Promise<"sent" | "gone" | "refused"> {
    const post = new PostToConnectionCommand({ ConnectionId: connectionId, Data: Buffer.from(frame) });
    const abortSignal = AbortSignal.timeout(this.#takenWithinMs);
    try {
      return (await known(this.#client.send(post, { abortSignal }))) ? "sent" : "gone";
    } catch (error) {
      if (error instanceof LimitExceededException || abortSignal.aborted) return "refused";
      throw asUnavailable(error);
    }
  }

  /** API Gateway takes neither code nor reason: what a client must know is to be sent before. */
  async close(connectionId: string): Promise<void> {
    const deletion = new DeleteConnectionCommand({ ConnectionId: connectionId });
    const abortSignal = AbortSignal.timeout(this.#takenWithinMs);
    try {
      await known(this.#client.send(deletion, { abortSignal }));
    } catch (error) {
      throw asUnavailable(error);
    }
  }
}

/** False for a connection that is not there. */
async function known(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (error instanceof GoneException) return false;
    throw error;
  }
}
