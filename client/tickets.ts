import { SluiceError } from "./errors.ts";
import { type JsonRequest, reasonOf } from "./http.ts";
import { isRecord, problemOf } from "./problem.ts";

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

/**
 * Gets a ticket for a job: from the server with a key, or, in a browser, from one's own server, which has the key. When it
 * rejects, it is asked again; a {@link SluiceError} of a status that does not pass, such as 403, ends the reader.
 */
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
  const ticket = source && (await ticketFrom(source, jobId, signal));
  return typeof ticket === "object" ? ticket.ticket : ticket;
}

/**
 * A ticket of the caller's source. One's own server may be out of reach or busy for a while, as any other: such errors are
 * {@link ConnectionError} and {@link SluiceError}, after which a reader goes on. What is no ticket is a TypeError.
 */
export async function ticketFrom(source: TicketSource, jobId: string, signal: AbortSignal): Promise<Ticket | string> {
  let given: unknown;
  try {
    given = await source(jobId, signal);
  } catch (error) {
    throw reasonOf(error, signal, "the source of tickets");
  }
  if (typeof given === "string" && given !== "") return given;
  if (!isRecord(given))
    throw new TypeError(`the source of tickets gave no ticket, but ${given === "" ? "an empty text" : given}`);
  if (typeof given.ticket === "string" && given.ticket !== "") return given as unknown as Ticket;
  const { status } = given;
  if (typeof status === "number" && status >= 400) throw new SluiceError(problemOf(status, JSON.stringify(given)));
  const members = Object.keys(given).join(", ") || "no members";
  throw new TypeError(`the source of tickets gave no ticket, but an object with ${members}`);
}
