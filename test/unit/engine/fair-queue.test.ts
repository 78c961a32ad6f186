import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairQueue } from "../../../src/engines/embedded/fair-queue.ts";
import { cpuMs } from "../cpu-ms.ts";

interface Item {
  readonly id: number;
  readonly tenant: string;
  readonly enqueuedAtMs: number;
}

const queueOf = (...tenants: readonly string[]): FairQueue<Item> => queueOfAll(tenants);
const queueOfAll = (tenants: readonly string[]): FairQueue<Item> => {
  const queue = new FairQueue<Item>();
  for (const [id, tenant] of tenants.entries()) queue.push({ id, tenant, enqueuedAtMs: id });
  return queue;
};
const drain = (queue: FairQueue<Item>): Item[] => {
  const items: Item[] = [];
  for (let item = queue.shift(); item; item = queue.shift()) items.push(item);
  return items;
};

describe("fair queue", () => {
  it("gives tenants turns", () => {
    const order = drain(queueOf("a", "a", "a", "b", "c", "c")).map(({ tenant }) => tenant);
    expect(order).toEqual(["a", "b", "c", "a", "c", "a"]);
  });

  it("lets a newcomer wait for one turn of each other tenant", () => {
    const queue = queueOf(...Array.from({ length: 1_000 }, () => "busy"), ...Array.from({ length: 10 }, () => "other"));
    for (let n = 0; n < 5; n++) queue.shift();
    queue.push({ id: 9_999, tenant: "quiet", enqueuedAtMs: 0 });
    const next = [queue.shift(), queue.shift(), queue.shift()].map((item) => item?.tenant);
    expect(next).toContain("quiet");
  });

  it("gives a tenant that comes back no second turn in a round", () => {
    const queue = queueOf("a", "b");
    expect(queue.shift()?.tenant).toBe("a");
    queue.push({ id: 10, tenant: "a", enqueuedAtMs: 0 });
    expect(drain(queue).map(({ tenant }) => tenant)).toEqual(["b", "a"]);
  });

  it("tells how old the front is", () => {
    const queue = queueOf("a", "a", "b");
    expect(queue.oldestMs()).toBe(0);
    queue.shift();
    expect(queue.oldestMs()).toBe(1);
    drain(queue);
    expect(queue.oldestMs()).toBeUndefined();
  });

  it("loses and doubles nothing, and keeps each tenant's order, in any mix of pushes and shifts", () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }), { maxLength: 400 }),
        (steps) => {
          const queue = new FairQueue<Item>();
          const [pushed, out]: [Item[], Item[]] = [[], []];
          for (const [id, tenant] of steps.entries()) {
            if (tenant === undefined) {
              const item = queue.shift();
              expect(item === undefined).toBe(pushed.length === out.length);
              if (item) out.push(item);
            } else {
              const item = { id, tenant, enqueuedAtMs: id };
              pushed.push(item);
              queue.push(item);
            }
            expect(queue.size).toBe(pushed.length - out.length);
          }
          out.push(...drain(queue));
          for (const tenant of ["a", "b", "c"]) {
            const of = (items: Item[]) => items.filter((item) => item.tenant === tenant);
            expect(of(out)).toEqual(of(pushed));
          }
        },
      ),
    );
  });

  it("takes no longer for an item however many wait", () => {
    const drainMs = (count: number): number => {
      const queue = queueOfAll(Array.from({ length: count }, () => "a"));
      const begin = cpuMs();
      drain(queue);
      return cpuMs() - begin;
    };
    drainMs(20_000);
    // A queue whose every shift passes over what was taken before needs seconds for this.
    expect(drainMs(200_000)).toBeLessThan(1_000);
  });
});
