import { expect, test } from "vitest";
import { Delivery, watchNew } from "../../../lambdas/delivery/delivery.ts";
import type { JobId } from "../../../src/contract/ids.ts";
import type { ServerMessage } from "../../../src/contract/socket.ts";
import type { LogReader } from "../../../src/core/ports.ts";
import type { Sockets, Subscription } from "../../../src/core/subscribers.ts";
import { MemorySubscribers } from "../../../src/engines/embedded/memory-subscribers.ts";
import { commit, newJobId, newTenant } from "../../../src/testing/contracts/fixtures.ts";
import { engine } from "./memory-engine.ts";

/** A job of `events` events, the last of which ends it if it is to have ended, and a delivery whose frames are kept by connection. */
async function begin({ events = 3, ended = true } = {}) {
  const [tenant, jobId] = [newTenant(), newJobId()];
  const subscribers = new MemorySubscribers();
  const frames = new Map<string, ServerMessage[]>();
  const gone = new Set<string>();
  const refusing = new Set<string>();
  const closed: [connectionId: string, code: number][] = [];
  let reads = 0;
  /** Before a frame is handed over. */
  const hooks: { before: (connectionId: string, message: ServerMessage) => Promise<void> } = { async before() {} };
  const sockets: Sockets = {
    async post(connectionId, frame) {
      const message = JSON.parse(frame) as ServerMessage;
      await hooks.before(connectionId, message);
      if (gone.has(connectionId)) return "gone";
      if (refusing.has(connectionId)) return "refused";
      const all = frames.get(connectionId) ?? [];
      frames.set(connectionId, [...all, message]);
      return "sent";
    },
    async close(connectionId, code) {
      closed.push([connectionId, code]);
      if (connectionId.endsWith("cannot be closed")) throw new Error("away");
    },
  };
  const log: LogReader = {
    read(...range) {
      reads += 1;
      return engine.log.read(...range);
    },
    tail: (...range) => engine.log.tail(...range),
  };
  const append = async (firstSeq: number, count: number, last: string, of: JobId = jobId): Promise<void> => {
    const all = Array.from({ length: count }, (_, n) => ({ type: n === count - 1 ? last : "value.recorded" }));
    await engine.log.append(commit(of, firstSeq, count, { tenant, body: JSON.stringify(all) }));
  };
  await append(1, events, ended ? "job.cancelled" : "value.recorded");
  let tokens = 0;
  const subscription = (connectionId: string, fields: Partial<Subscription> = {}): Subscription => {
    tokens += 1;
    const expiresMs = Number.POSITIVE_INFINITY;
    const given = { connectionId, id: "s", token: `t-${tokens}`, tenant, jobId, afterSeq: 0, ...fields };
    return { isDerived: false, expiresMs, ...given };
  };
  return {
    tenant,
    jobId,
    subscribers,
    hooks,
    gone,
    refusing,
    closed,
    append,
    subscription,
    delivery: new Delivery({ log, blobs: engine.blobs, subscribers, sockets }),
    reads: () => reads,
    /** `seq` of an event, else the type. */
    got: (connectionId: string) =>
      (frames.get(connectionId) ?? []).map((each) => (each.type === "event" ? each.event.seq : each.type)),
    async subscribe(connectionId: string, fields: Partial<Subscription> = {}): Promise<Subscription> {
      if ((await subscribers.connection(connectionId)) === undefined) {
        await subscribers.connect({ id: connectionId, tenant, expiresMs: Number.POSITIVE_INFINITY });
      }
      const made = subscription(connectionId, fields);
      await subscribers.subscribe(made, 100);
      return made;
    },
  };
}

test("200 who watch a job are told by one read of its log, each from its own cursor", async () => {
  const { delivery, subscribe, jobId, got, reads } = await begin({ events: 4 });
  const ids = Array.from({ length: 200 }, (_, n) => `c${n}`);
  for (const [n, id] of ids.entries()) await subscribe(id, { afterSeq: n % 5 });
  await delivery.deliver(jobId);
  for (const [n, id] of ids.entries()) expect(got(id)).toEqual([...[1, 2, 3, 4].slice(n % 5), "complete"]);
  expect(reads()).toBe(1);
});

test("of a job that nobody watches no log is read", async () => {
  const { delivery, jobId, reads } = await begin();
  await delivery.deliver(jobId);
  expect(reads()).toBe(0);
});

test("who takes frames slowly holds up nobody else, and is told of what was committed meanwhile", async () => {
  const { delivery, subscribe, jobId, hooks, got, append } = await begin({ ended: false });
  await subscribe("slow");
  await subscribe("fast");
  let go = (): void => {};
  const stalled = new Promise<void>((resolve) => {
    go = resolve;
  });
  hooks.before = (connectionId) => (connectionId === "slow" ? stalled : Promise.resolve());
  const first = delivery.deliver(jobId);
  await append(4, 1, "job.cancelled");
  await delivery.deliver(jobId);
  expect(got("fast")).toEqual([1, 2, 3, 4, "complete"]);
  expect(got("slow")).toEqual([]);
  go();
  await first;
  expect(got("slow")).toEqual([1, 2, 3, 4, "complete"]);
});

test("a connection that is gone is forgotten, with all that it watched", async () => {
  const { delivery, subscribe, subscribers, jobId, gone, got } = await begin({ ended: false });
  await subscribe("gone");
  await subscribe("gone", { id: "other", jobId: newJobId() });
  await subscribe("here");
  gone.add("gone");
  await delivery.deliver(jobId);
  expect(await subscribers.connection("gone")).toBeUndefined();
  expect((await subscribers.ofJob(jobId)).map(({ connectionId }) => connectionId)).toEqual(["here"]);
  expect(got("here")).toEqual([1, 2, 3]);
});

test("a connection that refuses a frame is closed and forgotten, and fails nothing for the others", async () => {
  const { delivery, subscribe, subscribers, jobId, refusing, closed, got } = await begin();
  for (const id of ["slow", "slow and cannot be closed", "fast"]) await subscribe(id);
  for (const id of ["slow", "slow and cannot be closed"]) refusing.add(id);
  expect(await delivery.deliver(jobId)).toBe(true);
  expect(got("fast")).toEqual([1, 2, 3, "complete"]);
  expect(closed).toEqual([
    ["slow", 4408],
    ["slow and cannot be closed", 4408],
  ]);
  for (const [id] of closed) expect(await subscribers.connection(id)).toBeUndefined();
  expect(await subscribers.ofJob(jobId)).toEqual([]);
});

test("what takes the place of a subscription that is just complete is fed to its own end", async () => {
  const { delivery, subscribe, subscribers, jobId, hooks, got } = await begin();
  await subscribe("c", { afterSeq: 2 });
  hooks.before = async (_, { type }) => {
    if (type !== "complete") return;
    hooks.before = async () => {};
    await subscribe("c", { afterSeq: 0 });
  };
  await delivery.deliver(jobId);
  expect(await subscribers.ofJob(jobId)).toHaveLength(1);
  await delivery.deliver(jobId);
  expect(got("c")).toEqual([3, "complete", 1, 2, 3, "complete"]);
  expect(await subscribers.ofJob(jobId)).toEqual([]);
});

test("what was replaced or ended is not sent the next page", async () => {
  const { delivery, subscribe, subscribers, jobId, hooks, got } = await begin({ events: 1_000 });
  await subscribe("c");
  hooks.before = async (_, message) => {
    if (message.type === "event" && message.event.seq === 3) await subscribers.unsubscribe("c", "s");
  };
  await delivery.deliver(jobId);
  expect(got("c").length).toBeLessThan(500);
  expect(got("c")).not.toContain("complete");
});

test("who watches all jobs of a tenant follows a new one from its first event, once, and stays for the next", async () => {
  const { delivery, subscribe, subscribers, tenant, jobId, got, append } = await begin({ ended: false });
  await subscribe("c", { id: "all", jobId: undefined });
  await watchNew({ jobId, tenant }, subscribers);
  await delivery.deliver(jobId);
  await watchNew({ jobId, tenant }, subscribers);
  await append(4, 1, "job.cancelled");
  await delivery.deliver(jobId);
  expect(got("c")).toEqual([1, 2, 3, 4, "complete"]);
  expect(await subscribers.ofJob(jobId)).toEqual([]);
  const next = newJobId();
  await append(1, 1, "job.cancelled", next);
  await watchNew({ jobId: next, tenant }, subscribers);
  await delivery.deliver(next);
  expect(got("c")).toEqual([1, 2, 3, 4, "complete", 1, "complete"]);
});

/** A connection that follows all jobs and takes nothing, and 50 new jobs, of which each is to be told. */
async function stuck(jobs = 50) {
  const begun = await begin();
  const { subscribe, tenant, append, subscribers, hooks, delivery } = begun;
  await subscribe("c", { id: "all", jobId: undefined });
  const free = Promise.withResolvers<void>();
  const held = { now: 0, most: 0 };
  const told: { readonly id: string; readonly jobId: JobId; readonly seq: number }[] = [];
  hooks.before = async (_, message) => {
    held.now += 1;
    held.most = Math.max(held.most, held.now);
    await free.promise;
    held.now -= 1;
    if (message.type === "event") told.push({ id: message.id, jobId: message.event.jobId, seq: message.event.seq });
  };
  const ids = Array.from({ length: jobs }, () => newJobId());
  const deliveries: Promise<boolean>[] = [];
  for (const id of ids) {
    await append(1, 2, "value.recorded", id);
    await watchNew({ jobId: id, tenant }, subscribers);
    deliveries.push(delivery.deliver(id));
  }
  const quiet = () => new Promise((resolve) => setImmediate(resolve));
  await quiet();
  return { ...begun, free: free.resolve, held, told, ids, deliveries, quiet };
}

test("of all the jobs that a stuck client follows a few wait with a page, the others without; then each is told in order", async () => {
  const { free, held, told, ids, deliveries, reads, append, delivery, subscribe, jobId, quiet } = await stuck();
  expect({ held: held.most, reads: reads() }).toEqual({ held: 8, reads: 8 });
  // What is committed meanwhile is not forgotten, and a subscription to one job does not wait behind all jobs.
  for (const id of ids) {
    await append(3, 1, "job.cancelled", id);
    await delivery.deliver(id);
  }
  await subscribe("c", { id: "one" });
  const one = delivery.deliver(jobId);
  await quiet();
  expect({ held: held.most, reads: reads() }).toEqual({ held: 9, reads: 9 });
  free();
  await Promise.all([...deliveries, one]);
  expect(held.most).toBe(9);
  for (const id of ids) expect(told.flatMap((each) => (each.jobId === id ? [each.seq] : []))).toEqual([1, 2, 3]);
  expect(told.slice(0, 9).map(({ id }) => id)).toContain("one");
});

test.each(["goes away", "unsubscribes"] as const)(
  "for one that %s while jobs wait for their turn no more logs are read",
  async (how) => {
    const { free, deliveries, reads, gone, subscribers, told } = await stuck();
    if (how === "goes away") gone.add("c");
    else await subscribers.unsubscribe("c", "all");
    free();
    await Promise.all(deliveries);
    expect(reads()).toBe(8);
    expect(new Set(told.map(({ jobId }) => jobId)).size).toBe(8);
  },
);

test("a log that cannot be read keeps no turn", async () => {
  const { delivery, subscribe, tenant, subscribers, jobId, got } = await begin();
  await subscribe("c", { id: "all", jobId: undefined });
  for (let n = 0; n < 10; n++) {
    const missing = newJobId();
    await watchNew({ jobId: missing, tenant }, subscribers);
    await expect(delivery.deliver(missing)).rejects.toThrow(missing);
  }
  await watchNew({ jobId, tenant }, subscribers);
  await delivery.deliver(jobId);
  expect(got("c")).toEqual([1, 2, 3, "complete"]);
});

test("a log that cannot be read is said, and is read again the next time", async () => {
  const { delivery, subscribe, jobId, got } = await begin();
  const other = newJobId();
  await subscribe("c", { id: "missing", jobId: other });
  await expect(delivery.deliver(other)).rejects.toThrow(other);
  await expect(delivery.deliver(other)).rejects.toThrow(other);
  await subscribe("c");
  await delivery.deliver(jobId);
  expect(got("c")).toEqual([1, 2, 3, "complete"]);
});
