import type { JsonRequest } from "./http.ts";

/** As good as a key for reading one job's events: over SSE until it expires, for a WebSocket once. */
export interface Ticket {
  readonly ticket: string;
  readonly jobId: string;
  readonly expiresAt: string;
  /** Where it lets in. */
  readonly links: { readonly events: string; readonly socket: string };
}

export interface TicketOptions {
  /** 10 to 3,600. @default 300 */
  readonly ttlSeconds?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Gets a ticket for a job: from the server with a key, or, in a browser, from one's own server, which has the key. */
export type TicketSource = (jobId: string, signal?: AbortSignal) => Promise<Ticket | string>;

/** Asking twice makes two tickets, which harms nobody. */
export const ticketRequest = (jobId: string, { ttlSeconds, signal }: TicketOptions = {}): JsonRequest => ({
  method: "POST",
  path: "v1/tickets",
  body: { jobId, ttlSeconds },
  signal,
  repeatable: true,
});

/** What a ticket lets in by, as a query's `ticket`; undefined where a key does. */
export async function secretOf(source: TicketSource | undefined, jobId: string, signal: AbortSignal) {
  const ticket = await source?.(jobId, signal);
  return typeof ticket === "object" ? ticket.ticket : ticket;
}
