import type { JobId } from "../contract/ids.ts";
import { ProblemError } from "../contract/problem.ts";
import { iso } from "./iso.ts";
import type { Clock, OpenedTicket, Tickets } from "./ports.ts";

export interface TicketDeps {
  readonly tickets: Tickets;
  readonly clock: Clock;
}

/** Lets somebody in who reads a job's events over HTTP, as often as it wants. Throws a 401 that says what is wrong. */
export async function admitReader(ticket: string, jobId: string, deps: TicketDeps): Promise<OpenedTicket> {
  const opened = await valid(ticket, deps);
  if (opened.jobId !== (jobId as JobId)) throw refused("the ticket is for another job");
  return opened;
}

/** Lets somebody in who opens a WebSocket, once. Throws a 401 that says what is wrong. */
export async function admitSocket(ticket: string, deps: TicketDeps): Promise<OpenedTicket> {
  const opened = await valid(ticket, deps);
  if (!(await deps.tickets.burn(opened))) {
    throw refused("the ticket was used before, and a WebSocket takes each once: get another by POST /v1/tickets");
  }
  return opened;
}

async function valid(ticket: string, { tickets, clock }: TicketDeps): Promise<OpenedTicket> {
  const opened = await tickets.open(ticket);
  if (opened === undefined) throw refused("the ticket is not one that this server gave out, as it is");
  if (opened.expiresMs <= clock.now()) {
    throw refused(`the ticket expired at ${iso(opened.expiresMs)}: get another by POST /v1/tickets`);
  }
  return opened;
}

const refused = (detail: string): ProblemError =>
  new ProblemError({ title: "Unauthorized", status: 401, detail }, { "www-authenticate": "Bearer" });
