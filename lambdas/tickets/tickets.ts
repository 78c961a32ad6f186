import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { TICKET_PARAMETER, type TicketRequest, type TicketView } from "../../src/contract/tickets.ts";
import { iso } from "../../src/core/iso.ts";
import type { Clock, LogReader, Tickets } from "../../src/core/ports.ts";
import { linksOf, noSuchJob } from "../jobs/jobs.ts";

export interface TicketsDeps {
  readonly tickets: Tickets;
  readonly log: LogReader;
  readonly clock: Clock;
  /** Where clients open a WebSocket: a URL, or a path of this server. @default there is none */
  readonly socket?: string | undefined;
}

/** A ticket for a job of the tenant's. Throws a 404 for one that does not exist, or is another tenant's. */
export async function createTicket(
  tenant: TenantId,
  { jobId, ttlSeconds }: TicketRequest,
  { tickets, log, clock, socket }: TicketsDeps,
): Promise<TicketView> {
  const [first] = await log.read(jobId as JobId, 0, 1);
  if (first === undefined || first.tenant !== tenant) throw noSuchJob(jobId);
  const expiresMs = clock.now() + ttlSeconds * 1_000;
  const ticket = await tickets.issue({ tenant, jobId: first.jobId, expiresMs });
  const query = `?${TICKET_PARAMETER}=${ticket}`;
  return {
    ticket,
    jobId,
    expiresAt: iso(expiresMs),
    links: {
      events: `${linksOf(jobId).events}${query}`,
      ...(socket === undefined ? {} : { socket: `${socket}${query}` }),
    },
  };
}
