import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { FairGate } from "../../../src/host/fair-gate.ts";

/** Passes that end when they are told to, in the order in which they were let in. */
function scene(places: number) {
  const gate = new FairGate(places);
  const inside: string[] = [];
  const ends = new Map<string, { resolve(): void; reject(error: Error): void }>();
  const pass = (tenant: string, name: string): Promise<void> =>
    gate.pass(tenant, () => {
      inside.push(name);
      return new Promise((resolve, reject) => ends.set(name, { resolve, reject }));
    });
  return { pass, inside, ends };
}

describe("a gate", () => {
  it("lets so many in at once, and tenants by turns", async () => {
    const { pass, inside, ends } = scene(2);
    const all = [...Array.from({ length: 5 }, (_, n) => pass("busy", `busy/${n}`)), pass("quiet", "quiet/0")];
    expect(inside).toEqual(["busy/0", "busy/1"]);
    ends.get("busy/0")?.resolve();
    await turn();
    expect(inside).toEqual(["busy/0", "busy/1", "busy/2"]);
    ends.get("busy/1")?.resolve();
    await turn();
    expect(inside.at(-1)).toBe("quiet/0");
    for (const name of ["busy/2", "quiet/0", "busy/3", "busy/4"]) {
      ends.get(name)?.resolve();
      await turn();
    }
    await Promise.all(all);
    expect(inside).toHaveLength(6);
  });

  it("gives a place back where serving fails", async () => {
    const { pass, inside, ends } = scene(1);
    const [first, second] = [pass("a", "first"), pass("a", "second")];
    ends.get("first")?.reject(new Error("broken"));
    await expect(first).rejects.toThrow("broken");
    ends.get("second")?.resolve();
    await second;
    void pass("a", "third");
    expect(inside).toEqual(["first", "second", "third"]);
  });
});
