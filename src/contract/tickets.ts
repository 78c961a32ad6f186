import { z } from "zod";
import { JobIdParam } from "./api.ts";

/** Tickets as callers see them: for browsers, whose `EventSource` and `WebSocket` send no headers of one's own (docs/protocol.md). */

export const MIN_TICKET_SECONDS = 10;
export const MAX_TICKET_SECONDS = 3_600;

/** The query parameter that carries one. */
export const TICKET_PARAMETER = "ticket";

export const TicketRequest = z
  .strictObject({
    jobId: JobIdParam,
    ttlSeconds: z.number().int().min(MIN_TICKET_SECONDS).max(MAX_TICKET_SECONDS).default(300),
  })
  .meta({ id: "TicketRequest" });
export type TicketRequest = z.output<typeof TicketRequest>;

export const TicketView = z
  .object({
    ticket: z.string().describe("As good as a key for this job's events, and for nothing else"),
    jobId: z.string(),
    expiresAt: z.iso.datetime(),
    links: z.object({
      events: z.string().describe("For `EventSource`, as often as needed until it expires"),
      socket: z.string().optional().describe("For `WebSocket`, once; missing where there is none"),
    }),
  })
  .meta({ id: "Ticket" });
export type TicketView = z.infer<typeof TicketView>;
