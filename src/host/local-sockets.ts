import type { WebSocket } from "ws";
import type { Clock } from "../core/ports.ts";
import type { Sockets } from "../core/subscribers.ts";
import { Outbox, shortened } from "./outbox.ts";

/** The WebSocket connections of this process. What waits in one is bounded; its log keeps the rest. */
export class LocalSockets implements Sockets {
  readonly #clock: Clock;
  readonly #clients = new Map<string, { readonly client: WebSocket; readonly outbox: Outbox }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(id: string, client: WebSocket): void {
    this.#clients.set(id, { client, outbox: new Outbox(client, this.#clock) });
  }

  remove(id: string): void {
    this.#clients.delete(id);
  }

  has(id: string): boolean {
    return this.#clients.has(id);
  }

  /** Whether somebody waits for the client to make room; if it makes none in time, it is closed. */
  isFull(id: string): boolean {
    return this.#clients.get(id)?.outbox.isFull ?? false;
  }

  async post(connectionId: string, frame: string): Promise<"sent" | "gone"> {
    return this.#clients.get(connectionId)?.outbox.post(frame) ?? "gone";
  }

  async close(connectionId: string, code: number, reason: string): Promise<void> {
    this.#clients.get(connectionId)?.client.close(code, shortened(reason));
  }
}
