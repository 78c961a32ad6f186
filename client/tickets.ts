import type { Http } from "./http.ts";

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

export async function requestTicket(http: Http, jobId: string, options: TicketOptions = {}): Promise<Ticket> {
  const { body } = await http.json<Ticket>({
    method: "POST",
    path: "v1/tickets",
    body: { jobId, ...(options.ttlSeconds !== undefined && { ttlSeconds: options.ttlSeconds }) },
    signal: options.signal,
    repeatable: true,
  });
  return body;
}
