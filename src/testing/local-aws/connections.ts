import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { ApiGatewayManagementApiClient } from "@aws-sdk/client-apigatewaymanagementapi";
import { LocalServer } from "./local-server.ts";

/** What the management API refuses a frame with. */
export interface Refusal {
  readonly status: number;
  readonly error: string;
}

const PATH = /\/@connections\/([^/]+)$/;

/** The management API of a WebSocket API, and what came for each connection. A connection is there until it is closed or hung up. */
export class Connections extends LocalServer {
  protected readonly server: Server;
  readonly #frames = new Map<string, unknown[]>();
  readonly #gone = new Set<string>();
  readonly #refusals: Refusal[] = [];
  /** Requests of any kind. */
  requests = 0;

  constructor() {
    super();
    this.server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.writeHead(500).end());
    });
  }

  /** Its stage's. */
  get endpoint(): string {
    return `${this.url}/live`;
  }

  client(): ApiGatewayManagementApiClient {
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    return new ApiGatewayManagementApiClient({ region: "us-east-1", credentials, endpoint: this.endpoint });
  }

  /** Frames for a connection, in order, parsed. */
  framesOf(connectionId: string): readonly unknown[] {
    return this.#frames.get(connectionId) ?? [];
  }

  /** From now on it is gone, as when a client was cut off: nobody is told. */
  hangUp(connectionId: string): void {
    this.#gone.add(connectionId);
  }

  isGone(connectionId: string): boolean {
    return this.#gone.has(connectionId);
  }

  /** Refuses the next requests, one by each. */
  refuseNext(...refusals: readonly Refusal[]): void {
    this.#refusals.push(...refusals);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const connectionId = decodeURIComponent(PATH.exec(request.url ?? "")?.[1] ?? "");
    const answer = (status: number, error?: string): void => {
      response.writeHead(status, error === undefined ? {} : { "x-amzn-errortype": error });
      response.end(error === undefined ? "" : JSON.stringify({ message: error }));
    };
    const refusal = this.#refusals.shift();
    if (connectionId === "") return answer(404, "NotFoundException");
    if (refusal) return answer(refusal.status, refusal.error);
    if (this.#gone.has(connectionId)) return answer(410, "GoneException");
    if (request.method === "DELETE") {
      this.#gone.add(connectionId);
      return answer(204);
    }
    const frames = this.#frames.get(connectionId) ?? [];
    this.#frames.set(connectionId, frames);
    frames.push(JSON.parse(Buffer.concat(chunks).toString()));
    answer(200);
  }
}
