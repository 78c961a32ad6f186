import type { WebSocket } from "ws";
import { CLOSE } from "../contract/socket.ts";
import type { Clock } from "../core/ports.ts";

/** Bytes that may wait in a socket; beyond them nothing more is handed over until it has taken some. */
const MAX_WAITING_BYTES = 1_048_576;
/** A client that leaves so much waiting for so long is closed, in ms. */
const SLOW_MS = 30_000;
/** A close frame's reason may have so many bytes (RFC 6455, section 5.5). */
const MAX_REASON_BYTES = 123;

type Posted = "sent" | "gone";

interface Waiting {
  readonly frame: string;
  readonly resolve: (posted: Posted) => void;
}

/**
 * Hands frames to one connection in the order in which they come. Whoever posts while too much waits in it waits, too, each in
 * turn, so that no subscription keeps the others from theirs. A client that makes no room in time is closed, with the reason
 * from where to go on; it gets that if it takes what waits within 30 s more, after which `ws` lets go of it.
 */
export class Outbox {
  readonly #client: WebSocket;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #cancel = (): void => {};

  constructor(client: WebSocket, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    client.once("close", () => this.#giveUp());
  }

  post(frame: string): Posted | Promise<Posted> {
    if (this.#client.readyState !== this.#client.OPEN) return "gone";
    if (this.#waiting.length === 0 && this.#hasRoom) {
      this.#send(frame);
      return "sent";
    }
    return new Promise<Posted>((resolve) => {
      this.#waiting.push({ frame, resolve });
      if (this.#waiting.length === 1) this.#watch();
    });
  }

  /** Whether somebody waits. */
  get isFull(): boolean {
    return this.#waiting.length > 0;
  }

  get #hasRoom(): boolean {
    return this.#client.bufferedAmount <= MAX_WAITING_BYTES;
  }

  #send(frame: string): void {
    this.#client.send(frame, () => this.#goOn());
  }

  /** The socket has taken some. */
  #goOn(): void {
    if (this.#waiting.length === 0 || !this.#hasRoom || this.#client.readyState !== this.#client.OPEN) return;
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoom; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#send(next.frame);
      next.resolve("sent");
    }
    this.#cancel();
    if (this.#waiting.length > 0) this.#watch();
  }

  #watch(): void {
    this.#cancel = this.#clock.setTimer(SLOW_MS, () => {
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#client.close(CLOSE.slow, shortened(reasonOf(next.frame)));
      this.#giveUp();
    });
  }

  #giveUp(): void {
    this.#cancel();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve } of waiting) resolve("gone");
  }
}

/** From where to go on: after the event before the one that could not be sent. */
function reasonOf(frame: string): string {
  const { id, event } = JSON.parse(frame) as { id?: string; event?: { seq: number } };
  return id !== undefined && event !== undefined ? `resume ${id} after ${event.seq - 1}` : "too slow: connect again";
}

/** A reason for a close frame, cut where it is too long. */
export function shortened(reason: string): string {
  let text = reason;
  while (Buffer.byteLength(text) > MAX_REASON_BYTES) text = text.slice(0, -1);
  return text;
}
