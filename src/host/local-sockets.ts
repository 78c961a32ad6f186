import type { WebSocket } from "ws";
import { CLOSE } from "../contract/socket.ts";
import type { Clock } from "../core/ports.ts";
import type { Sockets } from "../core/subscribers.ts";

/** Bytes that may wait in a socket; beyond them nothing more is handed over until it has taken some. */
const MAX_WAITING_BYTES = 1_048_576;
/** A client that leaves so much waiting for so long is closed, in ms. */
const SLOW_MS = 30_000;
/** How often it is looked whether a socket has room again, in ms: `ws` does not tell. */
const LOOK_MS = 20;
/** A close frame's reason may have so many bytes (RFC 6455, section 5.5). */
const MAX_REASON_BYTES = 123;

/** The WebSocket connections of this process. What waits in one is bounded; its log keeps the rest. */
export class LocalSockets implements Sockets {
  readonly #clock: Clock;
  readonly #clients = new Map<string, WebSocket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(id: string, client: WebSocket): void {
    this.#clients.set(id, client);
  }

  remove(id: string): void {
    this.#clients.delete(id);
  }

  has(id: string): boolean {
    return this.#clients.has(id);
  }

  async post(connectionId: string, frame: string): Promise<"sent" | "gone"> {
    const client = this.#clients.get(connectionId);
    if (client?.readyState !== client?.OPEN || client === undefined) return "gone";
    if (client.bufferedAmount > MAX_WAITING_BYTES && !(await this.#hasRoom(client))) {
      await this.close(connectionId, CLOSE.slow, reasonOf(frame));
      return "gone";
    }
    if (client.readyState !== client.OPEN) return "gone";
    client.send(frame);
    return "sent";
  }

  async close(connectionId: string, code: number, reason: string): Promise<void> {
    const client = this.#clients.get(connectionId);
    client?.close(code, shortened(reason));
    // One that takes nothing does not take the close frame either.
    if (code === CLOSE.slow) this.#clock.setTimer(SLOW_MS / 10, () => client?.terminate());
  }

  /** False where it did not take what waits in time. True where it is closed: there is nothing to wait for. */
  async #hasRoom(client: WebSocket): Promise<boolean> {
    const untilMs = this.#clock.now() + SLOW_MS;
    while (client.bufferedAmount > MAX_WAITING_BYTES && client.readyState === client.OPEN) {
      if (this.#clock.now() >= untilMs) return false;
      await new Promise<void>((resolve) => this.#clock.setTimer(LOOK_MS, resolve));
    }
    return true;
  }
}

/** From where to go on: after the event before the one that could not be sent. */
function reasonOf(frame: string): string {
  const { id, event } = JSON.parse(frame) as { id?: string; event?: { seq: number } };
  return id !== undefined && event !== undefined ? `resume ${id} after ${event.seq - 1}` : "too slow: connect again";
}

function shortened(reason: string): string {
  let text = reason;
  while (Buffer.byteLength(text) > MAX_REASON_BYTES) text = text.slice(0, -1);
  return text;
}
