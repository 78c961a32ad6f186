import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ApiGatewayManagementApiClient } from "@aws-sdk/client-apigatewaymanagementapi";
import { socketsClient } from "../../engines/aws/aws-clients.ts";
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
  readonly #held = new Map<string, Promise<void>>();
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

  /** @param once makes one attempt, as for what is worth sending now or not at all */
  client({ once = false } = {}): ApiGatewayManagementApiClient {
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    return socketsClient(this.endpoint, { once, region: "us-east-1", credentials });
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

  /** From now on frames for it are not answered, as when nobody takes them; what this returns has them go on. */
  hold(connectionId: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(connectionId, promise);
    return () => {
      this.#held.delete(connectionId);
      resolve();
    };
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
    if (request.method === "POST") await this.#held.get(connectionId);
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
