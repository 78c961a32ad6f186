import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type JobId, jobIdFrom, type TenantId } from "../../contract/ids.ts";
import type { Connection, Subscribers, Subscription } from "../../core/subscribers.ts";

export interface SubscribersUnderTest {
  readonly subscribers: Subscribers;
  /** By the clock that the adapter has. */
  readonly nowMs: number;
  close(): Promise<void>;
}

const MOST = 3;
const newJob = (): JobId => jobIdFrom(Buffer.from(randomUUID()));

/** What every {@link Subscribers} does. */
export function testSubscribers(name: string, factory: () => Promise<SubscribersUnderTest>): void {
  interface Scene {
    readonly subscribers: Subscribers;
    readonly connection: Connection;
    readonly job: JobId;
    to(fields?: Partial<Subscription>): Subscription;
  }

  const test = (behaviour: string, body: (scene: Scene) => Promise<void>): void =>
    it(behaviour, async () => {
      const { subscribers, nowMs, close } = await factory();
      const expiresMs = nowMs + 3_600_000;
      const connection = { id: `c-${randomUUID()}`, tenant: `t-${randomUUID()}` as TenantId, expiresMs };
      const job = newJob();
      const to = (fields: Partial<Subscription> = {}): Subscription => ({
        connectionId: connection.id,
        id: "s",
        token: randomUUID(),
        tenant: connection.tenant,
        jobId: job,
        isDerived: false,
        afterSeq: 0,
        expiresMs,
        ...fields,
      });
      try {
        await subscribers.connect(connection);
        await body({ subscribers, connection, job, to });
      } finally {
        await close();
      }
    });

  describe(`subscribers: ${name}`, () => {
    test("knows a connection until it is gone", async ({ subscribers, connection }) => {
      expect(await subscribers.connection(connection.id)).toMatchObject(connection);
      expect(await subscribers.connection("nobody")).toBeUndefined();
      await subscribers.disconnect(connection.id);
      await subscribers.disconnect(connection.id);
      expect(await subscribers.connection(connection.id)).toBeUndefined();
    });

    test("knows the only job of a ticket's connection", async ({ subscribers, connection, job }) => {
      await subscribers.connect({ ...connection, jobId: job });
      expect((await subscribers.connection(connection.id))?.jobId).toBe(job);
    });

    test("counts frames that were no message", async ({ subscribers, connection }) => {
      expect(await subscribers.blame(connection.id)).toBe(1);
      expect(await subscribers.blame(connection.id)).toBe(2);
    });

    test("finds who watches a job, and nobody else", async ({ subscribers, job, to }) => {
      const [one, other] = [to({ afterSeq: 7 }), to({ id: "t", jobId: newJob() })];
      expect(await subscribers.ofJob(job)).toEqual([]);
      expect(await subscribers.subscribe(one, MOST)).toBe("added");
      expect(await subscribers.subscribe(other, MOST)).toBe("added");
      expect(await subscribers.ofJob(job)).toEqual([one]);
    });

    test("puts a subscription in the place of one of the same id and job", async ({ subscribers, job, to }) => {
      await subscribers.subscribe(to({ afterSeq: 7 }), MOST);
      const second = to({ afterSeq: 2 });
      await subscribers.subscribe(second, MOST);
      expect(await subscribers.ofJob(job)).toEqual([second]);
    });

    test("holds so many of a connection, not counting the one that is replaced", async ({ subscribers, to }) => {
      for (const id of ["a", "b", "c"]) expect(await subscribers.subscribe(to({ id }), MOST)).toBe("added");
      expect(await subscribers.subscribe(to({ id: "d" }), MOST)).toBe("full");
      expect(await subscribers.subscribe(to({ id: "c", afterSeq: 1 }), MOST)).toBe("added");
      await subscribers.unsubscribe(to().connectionId, "a");
      expect(await subscribers.subscribe(to({ id: "d" }), MOST)).toBe("added");
    });

    test("does not count those that follow from one to all jobs", async ({ subscribers, job, to }) => {
      const all = to({ id: "all", jobId: undefined });
      await subscribers.subscribe(all, 1);
      for (let n = 0; n < 3; n++) await subscribers.subscribe({ ...all, jobId: newJob(), isDerived: true }, 0);
      expect(await subscribers.subscribe(to({ id: "d" }), 2)).toBe("added");
      expect(await subscribers.ofJob(job)).toHaveLength(1);
    });

    test("takes nothing of a connection that is gone", async ({ subscribers, connection, job, to }) => {
      await subscribers.disconnect(connection.id);
      expect(await subscribers.subscribe(to(), MOST)).toBe("gone");
      expect(await subscribers.ofJob(job)).toEqual([]);
    });

    test("finds who watches all jobs of a tenant", async ({ subscribers, connection, to }) => {
      const all = to({ jobId: undefined });
      await subscribers.subscribe(all, MOST);
      await subscribers.subscribe(to({ id: "one" }), MOST);
      expect(await subscribers.ofTenant(connection.tenant)).toEqual([all]);
      expect(await subscribers.ofTenant("another" as TenantId)).toEqual([]);
    });

    test("moves a cursor on, never back", async ({ subscribers, job, to }) => {
      const one = to();
      await subscribers.subscribe(one, MOST);
      expect(await subscribers.advance(one, 5)).toBe(true);
      expect(await subscribers.advance(one, 3)).toBe(true);
      expect(await subscribers.ofJob(job)).toEqual([{ ...one, afterSeq: 5 }]);
    });

    test("does not move the cursor of another in its place, nor of one that is gone", async ({
      subscribers,
      job,
      to,
    }) => {
      const first = to({ afterSeq: 50 });
      await subscribers.subscribe(first, MOST);
      const second = to({ afterSeq: 0 });
      await subscribers.subscribe(second, MOST);
      expect(await subscribers.advance(first, 51)).toBe(false);
      expect(await subscribers.ofJob(job)).toEqual([second]);
      await subscribers.unsubscribe(second.connectionId, second.id);
      expect(await subscribers.advance(second, 1)).toBe(false);
      expect(await subscribers.ofJob(job)).toEqual([]);
    });

    test("ends a job's subscription, but not another in its place", async ({ subscribers, job, to }) => {
      const [first, second] = [to(), to()];
      await subscribers.subscribe(first, MOST);
      await subscribers.subscribe(second, MOST);
      await subscribers.end(first);
      expect(await subscribers.ofJob(job)).toEqual([second]);
      await subscribers.end(second);
      await subscribers.end(second);
      expect(await subscribers.ofJob(job)).toEqual([]);
      for (const id of ["a", "b", "c"]) expect(await subscribers.subscribe(to({ id }), MOST)).toBe("added");
    });

    test("follows a job of all only once, however often it is said that it has begun", async ({
      subscribers,
      job,
      to,
    }) => {
      const derived = to({ id: "all", isDerived: true });
      await subscribers.subscribe(to({ id: "all", jobId: undefined, token: derived.token }), MOST);
      await subscribers.subscribe(derived, MOST);
      await subscribers.advance(derived, 4);
      expect(await subscribers.subscribe(derived, MOST)).toBe("added");
      expect(await subscribers.ofJob(job)).toEqual([{ ...derived, afterSeq: 4 }]);
    });

    test("follows no job for a subscription that is over, or has been replaced", async ({ subscribers, job, to }) => {
      const [first, second] = [to({ id: "all", jobId: undefined }), to({ id: "all", jobId: undefined })];
      const derived = (all: Subscription): Subscription => ({ ...all, jobId: job, isDerived: true });
      expect(await subscribers.subscribe(derived(first), MOST)).toBe("gone");
      await subscribers.subscribe(first, MOST);
      await subscribers.unsubscribe(first.connectionId, first.id);
      expect(await subscribers.subscribe(derived(first), MOST)).toBe("gone");
      expect(await subscribers.ofJob(job)).toEqual([]);
      await subscribers.subscribe(second, MOST);
      expect(await subscribers.subscribe(derived(first), MOST)).toBe("gone");
      expect(await subscribers.ofJob(job)).toEqual([]);
      expect(await subscribers.subscribe(derived(second), MOST)).toBe("added");
      expect(await subscribers.subscribe(derived(first), MOST)).toBe("gone");
      expect(await subscribers.ofJob(job)).toEqual([derived(second)]);
      await subscribers.unsubscribe(second.connectionId, second.id);
      expect(await subscribers.ofJob(job)).toEqual([]);
    });

    test("what follows from all jobs does not take the place of one that was asked for itself", async ({
      subscribers,
      job,
      to,
    }) => {
      const all = to({ id: "a", jobId: undefined });
      await subscribers.subscribe(all, MOST);
      await subscribers.unsubscribe(all.connectionId, all.id);
      const one = to({ id: "a", afterSeq: 3 });
      await subscribers.subscribe(one, MOST);
      expect(await subscribers.subscribe({ ...all, jobId: job, isDerived: true }, MOST)).toBe("gone");
      expect(await subscribers.ofJob(job)).toEqual([one]);
      expect(await subscribers.advance(one, 4)).toBe(true);
    });

    test("forgets what stands under an id, or only what has ended of it", async ({
      subscribers,
      connection,
      job,
      to,
    }) => {
      const other = newJob();
      const all = to({ id: "all", jobId: undefined });
      const derived = [job, other].map((jobId) => ({ ...all, jobId, isDerived: true }));
      for (const each of [all, ...derived]) await subscribers.subscribe(each, MOST);
      await subscribers.end({ ...all, jobId: job, isDerived: true });
      expect(await subscribers.ofJob(job)).toEqual([]);
      expect(await subscribers.ofJob(other)).toHaveLength(1);
      expect(await subscribers.ofTenant(connection.tenant)).toHaveLength(1);
      await subscribers.unsubscribe(connection.id, "all");
      expect(await subscribers.ofJob(other)).toEqual([]);
      expect(await subscribers.ofTenant(connection.tenant)).toEqual([]);
    });

    test("forgets all of a connection that is gone", async ({ subscribers, connection, job, to }) => {
      for (const jobId of [undefined, job])
        await subscribers.subscribe(to({ id: `${jobId}`.slice(0, 9), jobId }), MOST);
      await subscribers.disconnect(connection.id);
      expect(await subscribers.ofJob(job)).toEqual([]);
      expect(await subscribers.ofTenant(connection.tenant)).toEqual([]);
    });
  });
}
