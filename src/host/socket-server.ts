import { randomUUID } from "node:crypto";
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { errorKeys } from "../../lambdas/error-keys.ts";
import { problemOf, problemResponse } from "../../lambdas/problem-responses.ts";
import type { SocketEvent, SocketHandler } from "../../lambdas/socket/create-handler.ts";
import { ProblemError } from "../contract/problem.ts";
import { CLOSE, MAX_FRAME_BYTES, SOCKET_PROTOCOL } from "../contract/socket.ts";
import type { Clock } from "../core/ports.ts";
import type { Logger } from "../core/runtime.ts";
import type { Callers } from "./callers.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { LocalSockets } from "./local-sockets.ts";

/** Where clients connect. */
export const SOCKET_PATH = "/v1/socket";
/** Frames of one connection that wait for their turn; then no more is read from it. */
const MAX_WAITING_FRAMES = 32;

export interface SocketServerOptions {
  readonly handler: SocketHandler;
  readonly sockets: LocalSockets;
  readonly callers: Pick<Callers, "ofSocket">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Serves WebSocket connections by calling their handler with API Gateway's event shapes, one frame of each after the other. */
export class SocketServer {
  readonly #options: SocketServerOptions;
  /** A frame that is too large is not read: `ws` closes with 1009 by itself. */
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    handleProtocols: () => SOCKET_PROTOCOL,
  });
  readonly #heartbeat: Heartbeat;

  constructor(options: SocketServerOptions) {
    this.#options = options;
    this.#heartbeat = new Heartbeat(options.clock);
  }

  attach(http: Server): void {
    http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on("error", () => socket.destroy());
      this.#upgrade(request, socket, head).catch((error: unknown) => refuse(socket, error));
    });
  }

  /** Tells every client to come back, and lets go of all connections. */
  close(): void {
    this.#heartbeat.stop();
    for (const client of this.#server.clients) {
      client.close(CLOSE.goingAway, "the server stops: connect again");
      setTimeout(() => client.terminate(), 500).unref();
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { handler, sockets, callers } = this.#options;
    const url = URL.parse(request.url ?? "/", "http://localhost");
    if (url?.pathname !== SOCKET_PATH) {
      throw new ProblemError({
        title: "Not found",
        status: 404,
        detail: `WebSocket is at ${SOCKET_PATH}; got ${url?.pathname}`,
      });
    }
    const caller = await callers.ofSocket(request, url);
    const connectionId = randomUUID();
    const event = (routeKey: string, fields: Partial<SocketEvent> = {}): SocketEvent => ({
      isBase64Encoded: false,
      ...fields,
      requestContext: { connectionId, routeKey, authorizer: caller },
    });
    const offered = request.headers["sec-websocket-protocol"];
    const headers = offered === undefined ? {} : { "sec-websocket-protocol": offered };
    const answer = await handler(event("$connect", { headers }));
    if (answer.statusCode !== 200) {
      const detail = `a client must offer the subprotocol ${SOCKET_PROTOCOL}; got ${JSON.stringify(offered ?? "")}`;
      throw new ProblemError({ title: "No such subprotocol", status: 400, detail });
    }
    const disconnect = (): void => void this.#settle(handler(event("$disconnect")), connectionId);
    if (socket.destroyed) return disconnect();
    this.#server.handleUpgrade(request, socket, head, (client) => {
      sockets.add(connectionId, client);
      client.on("error", (error) => this.#options.logger.debug("socket failed", errorKeys(error)));
      this.#heartbeat.watch(client, request.socket, () => sockets.isFull(connectionId));
      this.#read(client, (text, isBinary) =>
        this.#settle(
          handler(
            event("$default", {
              body: isBinary ? text.toString("base64") : text.toString(),
              isBase64Encoded: isBinary,
            }),
          ),
          connectionId,
        ),
      );
      client.once("close", () => {
        sockets.remove(connectionId);
        disconnect();
      });
    });
    // A request that is no handshake has been answered by ws itself.
    socket.once("close", () => {
      if (!sockets.has(connectionId)) disconnect();
    });
  }

  /** One frame after the other, and none is read while too many wait. */
  #read(client: WebSocket, handle: (text: Buffer, isBinary: boolean) => Promise<void>): void {
    let waiting = 0;
    let last: Promise<void> = Promise.resolve();
    client.on("message", (data: RawData, isBinary) => {
      waiting += 1;
      if (waiting >= MAX_WAITING_FRAMES) client.pause();
      last = last
        .then(() => (client.readyState === client.OPEN ? handle(data as Buffer, isBinary) : undefined))
        .then(() => {
          waiting -= 1;
          if (client.isPaused && waiting < MAX_WAITING_FRAMES) client.resume();
        });
    });
  }

  #settle(work: Promise<unknown>, connectionId: string): Promise<void> {
    return work.then(
      () => {},
      (error: unknown) => this.#options.logger.error("socket handler failed", { connectionId, ...errorKeys(error) }),
    );
  }
}

/** Answers a request that does not become a WebSocket, as HTTP. */
function refuse(socket: Duplex, error: unknown): void {
  const { problem, headers } = problemOf(error);
  const { statusCode, headers: given, body } = problemResponse(problem, headers);
  const lines = Object.entries({ ...given, "content-length": Buffer.byteLength(body), connection: "close" });
  socket.end(
    `HTTP/1.1 ${statusCode} ${problem.title}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`,
  );
}
