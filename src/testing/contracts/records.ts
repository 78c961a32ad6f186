import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Clock, EventLog, Owner, Records } from "../../core/ports.ts";
import { commit, newJobId, newTenant } from "./fixtures.ts";

export interface RecordsUnderTest {
  readonly records: Records;
  readonly log: EventLog;
  readonly clock: Clock;
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;

export interface RecordsTraits {
  /** Records past their time are not there any more. @default false */
  readonly expire?: boolean;
}

export function testRecords(
  where: string,
  open: () => Promise<RecordsUnderTest>,
  { expire = false }: RecordsTraits = {},
): void {
  describe(`records, ${where}`, () => {
    let at: RecordsUnderTest;
    const owner = (): Owner => ({ jobId: newJobId() });

    beforeEach(async () => {
      at = await open();
    });
    afterEach(() => at.close());

    test("there is none before one was made, and its version counts its changes", async () => {
      const of = owner();
      expect(await at.records.get(of, "a")).toBeUndefined();
      expect(await at.records.change(of, "a", "one", 0)).toBe(true);
      expect(await at.records.get(of, "a")).toEqual({ key: "a", text: "one", version: 1 });
      expect(await at.records.change(of, "a", "two", 1)).toBe(true);
      expect(await at.records.get(of, "a")).toEqual({ key: "a", text: "two", version: 2 });
    });

    test("a change that expects another version changes nothing", async () => {
      const of = owner();
      expect(await at.records.change(of, "a", "x", 1)).toBe(false);
      await at.records.change(of, "a", "one", 0);
      expect(await at.records.change(of, "a", "x", 0)).toBe(false);
      expect(await at.records.change(of, "a", "x", 2)).toBe(false);
      expect(await at.records.get(of, "a")).toMatchObject({ text: "one", version: 1 });
    });

    test("of many who change the same version at once, one succeeds", async () => {
      const of = owner();
      const made = await Promise.all(Array.from({ length: 10 }, (_, n) => at.records.change(of, "a", String(n), 0)));
      expect(made.filter((each) => each)).toHaveLength(1);
      const text = String(made.indexOf(true));
      expect(await at.records.get(of, "a")).toMatchObject({ text });
      const changed = await Promise.all(Array.from({ length: 10 }, (_, n) => at.records.change(of, "a", `${n}`, 1)));
      expect(changed.filter((each) => each)).toHaveLength(1);
    });

    test("lists those whose key begins so, by key, of one owner only", async () => {
      const [tenant, jobId] = [newTenant(), newJobId()];
      for (const key of ["b#2", "b#1", "b", "bb#1", "a#1"]) await at.records.change({ tenant }, key, key, 0);
      await at.records.change({ jobId }, "b#3", "x", 0);
      await at.records.change({ tenant: newTenant() }, "b#4", "x", 0);
      await at.records.change({ secretsOf: tenant }, "b#5", "x", 0);
      const keys = async (prefix: string) => (await at.records.list({ tenant }, prefix)).map(({ key }) => key);
      expect(await keys("b#")).toEqual(["b#1", "b#2"]);
      expect(await keys("")).toEqual(["a#1", "b", "b#1", "b#2", "bb#1"]);
      expect(await at.records.list({ jobId }, "b")).toEqual([{ key: "b#3", text: "x", version: 1 }]);
      expect(await at.records.list({ secretsOf: tenant }, "")).toEqual([{ key: "b#5", text: "x", version: 1 }]);
      expect(await at.records.get({ tenant }, "b#")).toBeUndefined();
    });

    test("lists more than one page of a store", async () => {
      const of = owner();
      const text = "x".repeat(60_000);
      for (let n = 0; n < 30; n++) await at.records.change(of, `k#${String(n).padStart(2, "0")}`, text, 0);
      expect(await at.records.list(of, "k#")).toHaveLength(30);
    });

    test("one that was removed is not there, and can be made anew", async () => {
      const of = owner();
      expect(await at.records.remove(of, "a")).toBe(false);
      await at.records.change(of, "a", "one", 0);
      expect(await at.records.remove(of, "a")).toBe(true);
      expect(await at.records.remove(of, "a")).toBe(false);
      expect(await at.records.list(of, "")).toEqual([]);
      expect(await at.records.change(of, "a", "two", 0)).toBe(true);
      expect(await at.records.get(of, "a")).toEqual({ key: "a", text: "two", version: 1 });
    });

    test("texts come back as they were, whatever is in them", async () => {
      const of = owner();
      for (const [n, text] of ["", "\u0000", "ü€😀", '{"a":"\\u0000"}'].entries()) {
        await at.records.change(of, `k${n}`, text, 0);
        expect((await at.records.get(of, `k${n}`))?.text).toBe(text);
      }
    });

    test("a job's records and its log do not get in each other's way", async () => {
      const jobId = newJobId();
      await at.records.change({ jobId }, "a", "one", 0, at.clock.now() + DAY_MS);
      expect(await at.log.read(jobId)).toEqual([]);
      expect(await at.log.append(commit(jobId, 1, 2), { expiresMs: at.clock.now() + DAY_MS })).toBe("appended");
      expect(await at.log.append(commit(jobId, 3))).toBe("appended");
      expect((await at.log.read(jobId)).map(({ firstSeq }) => firstSeq)).toEqual([1, 3]);
      expect((await at.log.tail(jobId, 1)).map(({ firstSeq }) => firstSeq)).toEqual([3]);
      expect(await at.records.list({ jobId }, "")).toHaveLength(1);
    });

    test.runIf(expire)("one past its time is not there, and can be made anew", async () => {
      const of = owner();
      expect(await at.records.change(of, "a", "old", 0, at.clock.now() - DAY_MS)).toBe(true);
      expect(await at.records.get(of, "a")).toBeUndefined();
      expect(await at.records.list(of, "")).toEqual([]);
      expect(await at.records.change(of, "a", "x", 1)).toBe(false);
      expect(await at.records.change(of, "a", "new", 0)).toBe(true);
      expect(await at.records.get(of, "a")).toEqual({ key: "a", text: "new", version: 1 });
    });
  });
}
