import { DatabaseSync } from "node:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { GroupCommit } from "../../../src/engines/embedded/group-commit.ts";

let db: DatabaseSync;
let group: GroupCommit;

beforeEach(() => {
  db = new DatabaseSync(":memory:");
  db.exec("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT");
  group = new GroupCommit(db);
});

const insert = (n: number) => group.run(() => db.prepare("INSERT INTO t VALUES (?)").run(n).changes);
const rows = () => (db.prepare("SELECT n FROM t ORDER BY rowid").all() as { n: number }[]).map(({ n }) => n);

describe("group commit", () => {
  it("resolves only after the transaction is over", async () => {
    const states: boolean[] = [];
    await Promise.all([1, 2, 3].map((n) => insert(n).then(() => states.push(db.isTransaction))));
    expect(states).toEqual([false, false, false]);
    expect(rows()).toEqual([1, 2, 3]);
  });

  it("puts the writes of a turn into one transaction", async () => {
    const all = Array.from({ length: 60 }, (_, n) => insert(n));
    expect(rows()).toEqual([]);
    await Promise.all(all);
    expect(group.commits).toBe(1);
    await Promise.all([insert(100), insert(101)]);
    expect(group.commits).toBe(2);
  });

  it("bounds a transaction, and writes the rest in the same turn", async () => {
    const all = Promise.all(Array.from({ length: 200 }, (_, n) => insert(n)));
    await turn();
    expect(rows()).toHaveLength(200);
    expect(group.commits).toBeGreaterThan(1);
    await all;
  });

  it("writes and answers in the order in which it was asked", async () => {
    const order: number[] = [];
    const answered: number[] = [];
    await Promise.all(
      [3, 1, 2].map(async (n) => {
        answered.push(
          await group.run(() => {
            order.push(n);
            return n;
          }),
        );
      }),
    );
    expect(order).toEqual([3, 1, 2]);
    expect(answered).toEqual([3, 1, 2]);
  });

  it("gives each its own result", async () => {
    expect(await Promise.all([group.run(() => "a"), group.run(() => undefined), group.run(() => 3)])).toEqual([
      "a",
      undefined,
      3,
    ]);
  });

  it("lets one bad operation fail alone, with none of its own writes", async () => {
    const bad = group.run(() => {
      db.exec("INSERT INTO t VALUES (77)");
      throw new Error("no");
    });
    const [first, failed, twice, last] = await Promise.allSettled([insert(1), bad, insert(1), insert(2)]);
    expect(first.status).toBe("fulfilled");
    expect(failed).toMatchObject({ status: "rejected", reason: { message: "no" } });
    expect(twice).toMatchObject({ status: "rejected", reason: { message: expect.stringContaining("UNIQUE") } });
    expect(last.status).toBe("fulfilled");
    expect(rows()).toEqual([1, 2]);
    expect(db.isTransaction).toBe(false);
    await insert(3);
    expect(rows()).toEqual([1, 2, 3]);
  });

  it("rejects all where the database is gone, and does not stay stuck", async () => {
    db.close();
    const outcomes = await Promise.allSettled([insert(1), group.run(() => 2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(group.run(() => 3)).rejects.toThrow();
  });

  it("writes what waits at once when it is told to", async () => {
    const waiting = insert(1);
    group.flush();
    expect(rows()).toEqual([1]);
    await waiting;
  });
});
