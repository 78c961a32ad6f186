import type { DatabaseSync } from "node:sqlite";

/** Operations that may share a transaction. */
const MAX_GROUP = 64;
/** How long a group that still grows from turn to turn is waited for, in ms: Node accepts one connection a turn. */
const MAX_WAIT_MS = 1;

interface Operation {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers the writes of an event-loop turn, or of a few while they keep coming, into one transaction, so that many jobs share one sync of the disk.
 *
 * 1. A promise resolves only after the COMMIT that holds its write.
 * 2. Writes happen in the order in which they were given.
 * 3. If one operation throws, only that one fails: the group is rolled back and its operations are tried one by one.
 *    Operations must therefore change nothing but the database.
 */
export class GroupCommit {
  readonly #db: DatabaseSync;
  #waiting: Operation[] = [];
  #scheduled = false;
  #begunMs = 0;
  /** Operations that waited when the group was last looked at. */
  #seen = 0;
  /** Transactions made, for measurements. */
  commits = 0;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  run<T>(operation: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run: operation, resolve: resolve as (value: unknown) => void, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      this.#begunMs = performance.now();
      setImmediate(this.#turn);
    });
  }

  /** Writes everything that waits, now. */
  flush(): void {
    while (this.#waiting.length > 0) this.#commit(this.#waiting.splice(0, MAX_GROUP));
  }

  readonly #turn = (): void => {
    const { length } = this.#waiting;
    const grows = length > this.#seen && length < MAX_GROUP;
    if (grows && performance.now() - this.#begunMs < MAX_WAIT_MS) {
      this.#seen = length;
      setImmediate(this.#turn);
      return;
    }
    this.#scheduled = false;
    this.#seen = 0;
    this.flush();
  };

  #commit(group: readonly Operation[]): void {
    let results: unknown[];
    try {
      results = this.#transaction(group);
    } catch (error) {
      if (group.length === 1) group[0]?.reject(error);
      else for (const operation of group) this.#commit([operation]);
      return;
    }
    for (const [index, operation] of group.entries()) operation.resolve(results[index]);
  }

  #transaction(group: readonly Operation[]): unknown[] {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const results = group.map((operation) => operation.run());
      this.#db.exec("COMMIT");
      this.commits += 1;
      return results;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }
}
