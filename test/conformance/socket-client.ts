import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import type { JobEvent } from "../../src/contract/events.ts";
import { type ClientMessage, MAX_FRAME_BYTES, type ServerMessage, SOCKET_PROTOCOL } from "../../src/contract/socket.ts";
import { eventually } from "./eventually.ts";

type Of<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

/** How long a connection may take to be there, or to be over. */
const CONNECT_MS = 30_000;
const POLL_MS = 20;

/** A client of the socket that keeps what it is sent. */
export class SocketClient {
  readonly messages: ServerMessage[] = [];
  readonly #socket: WebSocket;
  readonly #withinMs: number;

  private constructor(socket: WebSocket, withinMs: number) {
    this.#socket = socket;
    this.#withinMs = withinMs;
    socket.on("message", (data) => {
      const text = String(data);
      if (Buffer.byteLength(text) > MAX_FRAME_BYTES) throw new Error(`a frame has ${Buffer.byteLength(text)} bytes`);
      this.messages.push(JSON.parse(text) as ServerMessage);
    });
    socket.on("error", () => {});
  }

  /** @param withinMs how long what is to come may take */
  static async connect(url: string, key: string, withinMs: number): Promise<SocketClient> {
    const socket = new WebSocket(url, SOCKET_PROTOCOL, { headers: { authorization: `Bearer ${key}` } });
    const client = new SocketClient(socket, withinMs);
    await once(socket, "open", { signal: AbortSignal.timeout(CONNECT_MS) });
    if (socket.protocol !== SOCKET_PROTOCOL) throw new Error(`the server chose ${JSON.stringify(socket.protocol)}`);
    return client;
  }

  /** The status with which a handshake is refused. */
  static async refused(url: string, headers: Record<string, string>, protocols: string[]): Promise<number | undefined> {
    const socket = new WebSocket(url, protocols, { headers });
    socket.on("error", () => {});
    const signal = AbortSignal.timeout(CONNECT_MS);
    const [, response] = (await once(socket, "unexpected-response", { signal })) as [unknown, IncomingMessage];
    response.destroy();
    return response.statusCode;
  }

  /** Sends a text or bytes as they are, another value as JSON. */
  say(message: ClientMessage | string | Buffer | object): void {
    this.#socket.send(typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  of<T extends ServerMessage["type"]>(type: T, id?: string): Of<T>[] {
    return this.messages.filter(
      (each): each is Of<T> => each.type === type && (id === undefined || ("id" in each && each.id === id)),
    );
  }

  /** Resolves with the messages of a type, for a subscription if one is named, once there are so many. */
  until<T extends ServerMessage["type"]>(type: T, id?: string, count = 1): Promise<Of<T>[]> {
    return eventually(
      `${count} times ${type}${id === undefined ? "" : ` for ${id}`}`,
      async () => this.of(type, id),
      (all) => all.length >= count,
      { withinMs: this.#withinMs, pollMs: POLL_MS },
    );
  }

  /** Events of a job as they came; what is not after the last is dropped, as the protocol asks of a client. */
  log(id: string, jobId: string): JobEvent[] {
    const events: JobEvent[] = [];
    for (const { event } of this.of("event", id)) {
      if (event.jobId === jobId && event.seq > (events.at(-1)?.seq ?? 0)) events.push(event);
    }
    return events;
  }

  /** Resolves when the connection is over, whoever ended it. */
  async closed(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    await once(this.#socket, "close", { signal: AbortSignal.timeout(CONNECT_MS) });
  }

  /** Breaks the connection off. */
  break(): void {
    this.#socket.terminate();
  }
}
