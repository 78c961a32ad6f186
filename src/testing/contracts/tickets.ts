import { describe, expect, it } from "vitest";
import type { TicketGrant, Tickets } from "../../core/ports.ts";
import { newJobId, newTenant } from "./fixtures.ts";

export interface TicketsUnderTest {
  readonly tickets: Tickets;
  /** Another process of the same deployment. */
  readonly peer?: Tickets;
  /** The same of another deployment, whose key is another. */
  readonly stranger: Tickets;
  close(): Promise<void>;
}

const grant = (fields: Partial<TicketGrant> = {}): TicketGrant => ({
  tenant: newTenant(),
  jobId: newJobId(),
  expiresMs: Date.UTC(2040, 0, 1),
  ...fields,
});

/** What every {@link Tickets} does. */
export function testTickets(name: string, factory: () => Promise<TicketsUnderTest>): void {
  const test = (behaviour: string, body: (port: TicketsUnderTest) => Promise<void>): void =>
    it(behaviour, async () => {
      const port = await factory();
      try {
        await body(port);
      } finally {
        await port.close();
      }
    });
  const opened = async (tickets: Tickets, fields?: Partial<TicketGrant>) => {
    const ticket = await tickets.open(await tickets.issue(grant(fields)));
    if (ticket === undefined) throw new Error("a ticket that was just issued does not open");
    return ticket;
  };

  describe(`tickets: ${name}`, () => {
    test("say what was granted, each under an id of its own", async ({ tickets, peer = tickets }) => {
      const granted = grant();
      const [first, second] = await Promise.all([tickets.issue(granted), tickets.issue(granted)]);
      const one = await tickets.open(first);
      expect(one).toEqual({ ...granted, id: expect.stringMatching(/^[\w-]{22}$/) });
      expect((await tickets.open(second))?.id).not.toBe(one?.id);
      expect(await peer.open(first)).toEqual(one);
    });

    test("fit into a URL as they are", async ({ tickets }) => {
      const ticket = await tickets.issue(grant({ tenant: `a.b_c-${"d".repeat(58)}` as TicketGrant["tenant"] }));
      expect(encodeURIComponent(ticket)).toBe(ticket);
      expect(ticket.length).toBeLessThan(400);
    });

    test("open after their time, too: it is for the caller to look at it", async ({ tickets }) => {
      expect((await opened(tickets, { expiresMs: 1_000 })).expiresMs).toBe(1_000);
    });

    test("are opened by nobody else's key", async ({ tickets, stranger }) => {
      const [ticket, theirs] = [await tickets.issue(grant()), await stranger.issue(grant())];
      expect(await stranger.open(ticket)).toBeUndefined();
      expect(await tickets.open(theirs)).toBeUndefined();
    });

    test("do not open before any was issued", async ({ tickets, stranger }) => {
      expect(await tickets.open(await stranger.issue(grant()))).toBeUndefined();
    });

    test("do not open with any one character changed, left out or put in", async ({ tickets }) => {
      const ticket = await tickets.issue(grant());
      for (let at = 0; at < ticket.length; at++) {
        const [before, rest] = [ticket.slice(0, at), ticket.slice(at + 1)];
        for (const other of ["A", "Q", "_", "."].filter((letter) => letter !== ticket[at])) {
          expect(await tickets.open(before + other + rest), `${other} at ${at}`).toBeUndefined();
        }
        expect(await tickets.open(before + rest), `without ${at}`).toBeUndefined();
        expect(await tickets.open(before), `cut at ${at}`).toBeUndefined();
      }
      for (const more of ["A", "=", ".", " ", "\n"]) expect(await tickets.open(ticket + more)).toBeUndefined();
    });

    test("do not open with another's payload, or none, under their signature", async ({ tickets }) => {
      const [mine, theirs] = [await tickets.issue(grant()), await tickets.issue(grant())];
      const [version, payload, signature] = mine.split(".");
      const [, other] = theirs.split(".");
      expect(await tickets.open(`${version}.${other}.${signature}`)).toBeUndefined();
      for (const made of [
        "",
        ".",
        "..",
        `${version}..${signature}`,
        `${version}.${payload}.`,
        `.${payload}.${signature}`,
      ]) {
        expect(await tickets.open(made), made).toBeUndefined();
      }
      const forged = Buffer.from(JSON.stringify(grant())).toString("base64url");
      expect(await tickets.open(`${version}.${forged}.${signature}`)).toBeUndefined();
      expect(await tickets.open(`slt0.${payload}.${signature}`)).toBeUndefined();
      expect(await tickets.open("ü".repeat(100))).toBeUndefined();
    });

    test("burn once", async ({ tickets, peer = tickets }) => {
      const ticket = await opened(tickets);
      expect(await tickets.burn(ticket)).toBe(true);
      expect(await tickets.burn(ticket)).toBe(false);
      expect(await peer.burn(ticket)).toBe(false);
      expect(await tickets.burn(await opened(tickets, ticket))).toBe(true);
    });

    test("burn for one of those who try at once", async ({ tickets, peer = tickets }) => {
      const ticket = await opened(tickets);
      const tries = await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? tickets : peer).burn(ticket)));
      expect(tries.filter(Boolean)).toEqual([true]);
    });
  });
}
