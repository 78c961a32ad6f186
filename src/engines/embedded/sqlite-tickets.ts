import { hkdfSync } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { Clock, OpenedTicket, TicketGrant, Tickets } from "../../core/ports.ts";
import { readTicket, signTicket } from "../shared/sign-ticket.ts";
import type { GroupCommit } from "./group-commit.ts";

/** Tickets of a data directory. Used ones are rows until they expire: a restart does not make them good again. */
export class SqliteTickets implements Tickets {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  readonly #insert: ReturnType<DatabaseSync["prepare"]>;
  readonly #sweep: ReturnType<DatabaseSync["prepare"]>;

  /** @param secret the data directory's */
  constructor(db: DatabaseSync, group: GroupCommit, clock: Clock, secret: string) {
    this.#group = group;
    this.#clock = clock;
    // A key of its own (RFC 5869): what is signed with one must never pass for what is signed with the other.
    this.#key = new Uint8Array(hkdfSync("sha256", secret, "", "sluice tickets", 32));
    this.#insert = db.prepare("INSERT INTO burned_tickets VALUES (?, ?) ON CONFLICT DO NOTHING");
    this.#sweep = db.prepare("DELETE FROM burned_tickets WHERE expires < ?");
  }

  async issue(grant: TicketGrant): Promise<string> {
    return signTicket(grant, this.#key);
  }

  async open(ticket: string): Promise<OpenedTicket | undefined> {
    return readTicket(ticket, this.#key);
  }

  burn({ id, expiresMs }: OpenedTicket): Promise<boolean> {
    return this.#group.run(() => {
      this.#sweep.run(this.#clock.now());
      return this.#insert.run(id, expiresMs).changes === 1;
    });
  }
}
