import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Owner, Records, StoredRecord } from "../../core/ports.ts";
import type { GroupCommit } from "./group-commit.ts";

interface Row {
  readonly key: string;
  readonly record: string;
  readonly version: number;
}

/** Records as rows of one table. They stay as long as the jobs of this engine do: it deletes nothing yet. */
export class SqliteRecords implements Records {
  readonly #group: GroupCommit;
  readonly #list: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;

  constructor(db: DatabaseSync, group: GroupCommit) {
    this.#group = group;
    this.#list = db.prepare(
      "SELECT key, record, version FROM records WHERE owner = ? AND key >= ? AND key < ? ORDER BY key",
    );
    this.#insert = db.prepare(
      "INSERT INTO records (owner, key, record, version, expires) VALUES (?, ?, ?, 1, ?) ON CONFLICT DO NOTHING",
    );
    this.#update = db.prepare(
      "UPDATE records SET record = ?, version = version + 1, expires = ? WHERE owner = ? AND key = ? AND version = ?",
    );
    this.#delete = db.prepare("DELETE FROM records WHERE owner = ? AND key = ?");
  }

  async get(owner: Owner, key: string): Promise<StoredRecord | undefined> {
    return (await this.list(owner, key)).find((record) => record.key === key);
  }

  async list(owner: Owner, prefix: string): Promise<StoredRecord[]> {
    const rows = this.#list.all(nameOf(owner), prefix, `${prefix}\u{10ffff}`) as unknown as Row[];
    return rows.map(({ key, record, version }) => ({ key, text: record, version }));
  }

  change(owner: Owner, key: string, text: string, expectedVersion: number, expiresMs?: number): Promise<boolean> {
    const expires = expiresMs ?? null;
    return this.#group.run(() => {
      const { changes } =
        expectedVersion === 0
          ? this.#insert.run(nameOf(owner), key, text, expires)
          : this.#update.run(text, expires, nameOf(owner), key, expectedVersion);
      return changes > 0;
    });
  }

  remove(owner: Owner, key: string): Promise<boolean> {
    return this.#group.run(() => this.#delete.run(nameOf(owner), key).changes > 0);
  }
}

/** A job's id begins with `job_`; no tenant's has a '#'. */
function nameOf(owner: Owner): string {
  if ("jobId" in owner) return owner.jobId;
  return "tenant" in owner ? `tenant#${owner.tenant}` : `secret#${owner.secretsOf}`;
}
