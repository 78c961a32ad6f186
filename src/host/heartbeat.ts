import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Clock } from "../core/ports.ts";

/** How often a client is asked whether it is there; one that has given no sign by the next time is not. */
const PING_MS = 30_000;

interface Watched {
  readonly socket: Socket;
  /** Whether so much waits in it that it is looked after by its outbox, which closes it with a reason if it takes nothing. */
  readonly isFull: () => boolean;
  /** What it had given when it was asked last. */
  asked: Signs | undefined;
}

interface Signs {
  /** Bytes that came from it. */
  readonly read: number;
  /** Bytes that the kernel has taken for it. Undefined where none waited: then the kernel takes them for one that is gone, too. */
  readonly taken: number | undefined;
}

/**
 * Finds connections whose other side is gone without a word, by their silence, and lets go of them. A ping waits behind all that
 * was sent before, so the answer of a slow reader may be late: it is there as long as it takes some of what waits.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #watched = new Map<WebSocket, Watched>();
  #cancel = (): void => {};

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#later();
  }

  watch(client: WebSocket, socket: Socket, isFull: () => boolean): void {
    this.#watched.set(client, { socket, isFull, asked: undefined });
    client.once("close", () => this.#watched.delete(client));
  }

  stop(): void {
    this.#cancel();
  }

  #later(): void {
    this.#cancel = this.#clock.setTimer(PING_MS, () => {
      for (const [client, watched] of this.#watched) ask(client, watched);
      this.#later();
    });
  }
}

function ask(client: WebSocket, watched: Watched): void {
  const { socket, asked } = watched;
  // One that is being closed has 30 s for it from ws, and of one that is paused it is us who read nothing.
  if (client.readyState !== client.OPEN || client.isPaused || watched.isFull()) {
    watched.asked = undefined;
    return;
  }
  if (asked !== undefined && !hasMoved(socket, asked)) {
    client.terminate();
    return;
  }
  watched.asked = { read: socket.bytesRead, taken: socket.writableLength > 0 ? takenOf(socket) : undefined };
  client.ping();
}

const takenOf = (socket: Socket): number => socket.bytesWritten - socket.writableLength;

const hasMoved = (socket: Socket, { read, taken }: Signs): boolean =>
  socket.bytesRead > read || (taken !== undefined && takenOf(socket) > taken);
