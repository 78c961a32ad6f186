import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Message } from "../../contract/messages.ts";
import type { Clock, DeadLetter, DeadLetterReason, DeadLetterReview, DeadLetterVerdict } from "../../core/ports.ts";
import type { GroupCommit } from "./group-commit.ts";

interface Row {
  readonly id: number;
  readonly at: number;
  readonly reason: string;
  readonly seq: number | null;
  readonly body: string;
}

/** The dead letters of all queues, as rows of one table. */
export class SqliteDeadLetters {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  /** The id of the letter with which the last review of a queue ended: the next one goes on after it. */
  readonly #reviewed = new Map<string, number>();
  readonly #insert: StatementSync;
  readonly #after: StatementSync;
  readonly #delete: StatementSync;
  readonly #count: StatementSync;

  constructor(db: DatabaseSync, group: GroupCommit, clock: Clock) {
    this.#group = group;
    this.#clock = clock;
    this.#insert = db.prepare("INSERT INTO dead_letters (queue, at, reason, seq, body) VALUES (?, ?, ?, ?, ?)");
    this.#after = db.prepare("SELECT * FROM dead_letters WHERE queue = ? AND id > ? ORDER BY id LIMIT ?");
    this.#delete = db.prepare("DELETE FROM dead_letters WHERE id = ?");
    this.#count = db.prepare("SELECT count(*) AS n FROM dead_letters WHERE queue = ?");
  }

  /** Inside a transaction of the group's. */
  insert(queue: string, message: Message, { reason, seq }: DeadLetterReason): void {
    this.#insert.run(queue, this.#clock.now(), reason, seq ?? null, JSON.stringify(message));
  }

  count(queue: string): number {
    return (this.#count.get(queue) as { n: number }).n;
  }

  /** The oldest, oldest first. */
  oldest(queue: string, max: number): DeadLetter[] {
    return this.#rows(queue, 0, max).map(deadLetterOf);
  }

  /** See the port's `reviewDeadLetters`. In the end every letter has its turn, however many there are. */
  async review(
    queue: string,
    judge: (letter: DeadLetter) => Promise<DeadLetterVerdict>,
    max: number,
  ): Promise<DeadLetterReview> {
    const rows = this.#rows(queue, this.#reviewed.get(queue) ?? 0, max);
    this.#reviewed.set(queue, rows.length < max ? 0 : (rows.at(-1)?.id ?? 0));
    const faults: unknown[] = [];
    const gone: number[] = [];
    await Promise.all(
      rows.map(async (row) => {
        const verdict = await judge(deadLetterOf(row)).catch((error: unknown) => void faults.push(error));
        if (verdict === "remove") gone.push(row.id);
      }),
    );
    if (gone.length > 0) {
      await this.#group.run(() => {
        for (const id of gone) this.#delete.run(id);
      });
    }
    if (faults.length > 0) throw faults[0];
    return { kept: rows.length - gone.length, removed: gone.length, malformed: 0 };
  }

  #rows(queue: string, afterId: number, max: number): Row[] {
    return this.#after.all(queue, afterId, max) as unknown as Row[];
  }
}

const deadLetterOf = ({ at, reason, seq, body }: Row): DeadLetter => ({
  message: JSON.parse(body) as Message,
  reason,
  deadLetteredAtMs: at,
  ...(seq === null ? {} : { seq }),
});
