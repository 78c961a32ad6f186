import { describe, expect, it } from "vitest";
import type { TenantId } from "../../contract/ids.ts";
import { BadCursorError, type EventLog, type Head, type JobIndex, type ListQuery } from "../../core/ports.ts";
import { type JobStatus, TERMINAL_STATUSES } from "../../core/state.ts";
import { commit, head, newJobId, newTenant } from "./fixtures.ts";

export interface JobIndexUnderTest {
  /** Heads come into the index with first commits. */
  readonly log: EventLog;
  readonly index: JobIndex;
  close(): Promise<void>;
}

/** What every {@link JobIndex} does. */
export function testJobIndex(name: string, factory: () => Promise<JobIndexUnderTest>): void {
  const test = (behaviour: string, body: (port: JobIndexUnderTest, tenant: TenantId) => Promise<void>): void =>
    it(behaviour, async () => {
      const port = await factory();
      try {
        await body(port, newTenant());
      } finally {
        await port.close();
      }
    });

  describe(`job index: ${name}`, () => {
    test("lists nothing for a tenant without jobs", async ({ index }, tenant) => {
      expect(await index.list({ tenant, limit: 10 })).toEqual({ jobs: [], cursor: undefined });
    });

    test("lists the newest first", async (port, tenant) => {
      const [old, newest, middle] = [
        await add(port, tenant, 1),
        await add(port, tenant, 3),
        await add(port, tenant, 2),
      ];
      expect((await port.index.list({ tenant, limit: 10 })).jobs).toEqual([newest, middle, old]);
    });

    test("gives each job once over all pages, also those of one instant, and no cursor after the last", async (port, tenant) => {
      const heads: Head[] = [];
      for (let n = 0; n < 11; n++) heads.push(await add(port, tenant, Math.floor(n / 4)));
      for (const limit of [1, 3, 11, 100]) {
        const pages = await allPages(port.index, { tenant, limit });
        expect(pages.every((page) => page.length <= limit)).toBe(true);
        const jobs = pages.flat();
        expect(ids(jobs)).toEqual(ids(heads));
        expect(jobs.map(({ createdAt }) => createdAt)).toEqual(
          jobs
            .map(({ createdAt }) => createdAt)
            .sort()
            .reverse(),
        );
      }
    });

    test("gives each old job once when new ones arrive between two pages", async (port, tenant) => {
      const before: Head[] = [];
      for (let n = 0; n < 6; n++) before.push(await add(port, tenant, n));
      const first = await port.index.list({ tenant, limit: 2 });
      const [newer, older] = [await add(port, tenant, 100), await add(port, tenant, -1)];
      const rest = await allPages(port.index, { tenant, limit: 2, ...cursorOf(first) });
      expect(ids([...first.jobs, ...rest.flat()])).toEqual(ids([...before, older]));
      expect((await port.index.list({ tenant, limit: 1 })).jobs).toEqual([newer]);
    });

    test("filters by status and by workflow, over all pages", async (port, tenant) => {
      const statuses: JobStatus[] = ["running", "completed", "failed"];
      const heads: Head[] = [];
      for (let n = 0; n < 18; n++) {
        heads.push(
          await add(port, tenant, n, { status: statuses[n % 3] ?? "running", workflow: n % 2 ? "odd" : "even" }),
        );
      }
      for (const filter of [
        { status: "completed" as const },
        { workflow: "odd" },
        { status: "failed" as const, workflow: "even" },
        { status: "expired" as const },
        { workflow: "none" },
      ]) {
        const expected = heads.filter(
          ({ status, workflow }) =>
            (filter.status ?? status) === status &&
            (("workflow" in filter && filter.workflow) || workflow) === workflow,
        );
        const jobs = (await allPages(port.index, { tenant, limit: 2, ...filter })).flat();
        expect(ids(jobs)).toEqual(ids(expected));
      }
    });

    test("never lists another tenant's jobs, also not by that tenant's cursor", async (port, tenant) => {
      const other = newTenant();
      const mine: Head[] = [];
      for (let n = 0; n < 4; n++) {
        mine.push(await add(port, tenant, n));
        await add(port, other, n);
      }
      expect(ids((await port.index.list({ tenant, limit: 100 })).jobs)).toEqual(ids(mine));
      const theirs = await port.index.list({ tenant: other, limit: 1 });
      const page = await port.index
        .list({ tenant, limit: 100, ...cursorOf(theirs) })
        .catch((error: unknown) => (error instanceof BadCursorError ? { jobs: [] } : Promise.reject(error)));
      expect(page.jobs.every((job) => job.tenant === tenant)).toBe(true);
    });

    test("rejects a cursor that it never gave out", async ({ index }, tenant) => {
      const forged = [
        "x",
        "",
        "%%%",
        "AAAA",
        Buffer.from("null").toString("base64url"),
        Buffer.from("{}").toString("base64url"),
      ];
      for (const cursor of forged) {
        await expect(index.list({ tenant, limit: 10, cursor }), cursor).rejects.toBeInstanceOf(BadCursorError);
      }
    });

    test("changes status and wake-up apart from each other", async (port, tenant) => {
      const { jobId } = await add(port, tenant, 1, { wakeAtMs: 1_000 });
      const now = async () => (await port.index.list({ tenant, limit: 1 })).jobs[0];
      await port.index.change(jobId, { status: "dead-lettered" });
      expect(await now()).toMatchObject({ status: "dead-lettered", wakeAtMs: 1_000 });
      await port.index.change(jobId, { wakeAtMs: 2_000 });
      expect(await now()).toMatchObject({ status: "dead-lettered", wakeAtMs: 2_000 });
      await port.index.change(jobId, { status: "running", wakeAtMs: null });
      expect(await now()).toMatchObject({ status: "running", wakeAtMs: undefined });
    });

    test("makes no job of a change to one that it does not know", async ({ index }, tenant) => {
      await index.change(newJobId(), { status: "running", wakeAtMs: 0 });
      expect((await index.list({ tenant, limit: 10 })).jobs).toEqual([]);
    });

    test("never overwrites a terminal status", async (port, tenant) => {
      for (const status of TERMINAL_STATUSES) {
        const { jobId } = await add(port, tenant, 1);
        await port.index.change(jobId, { status, wakeAtMs: null });
        await port.index.change(jobId, { status: "running", wakeAtMs: 0 });
        await port.index.change(jobId, { status: status === "failed" ? "completed" : "failed" });
        const job = (await port.index.list({ tenant, limit: 100 })).jobs.find((each) => each.jobId === jobId);
        expect(job?.status).toBe(status);
      }
    });

    test("finds the jobs whose wake-up is due, the longest due first", async (port, tenant) => {
      // Far in the past, so that what other suites left behind does not count.
      const late = await add(port, tenant, 1, { wakeAtMs: 30 });
      const first = await add(port, tenant, 2, { wakeAtMs: 10 });
      const second = await add(port, newTenant(), 3, { wakeAtMs: 20 });
      await add(port, tenant, 4, { wakeAtMs: undefined });
      expect(await port.index.due(9, 10)).toEqual([]);
      expect(await port.index.due(20, 10)).toEqual([first, second]);
      expect(await port.index.due(30, 10)).toEqual([first, second, late]);
      expect(await port.index.due(30, 2)).toEqual([first, second]);
      for (const { jobId } of [first, second, late]) await port.index.change(jobId, { wakeAtMs: null });
      expect(await port.index.due(30, 10)).toEqual([]);
    });

    test("counts a tenant's jobs that run, as far as is asked, and none that wait for a person", async (port, tenant) => {
      expect(await port.index.countRunning(tenant, 10)).toBe(0);
      const running: Head[] = [];
      for (const status of ["running", "running", "dead-lettered", ...TERMINAL_STATUSES, "running"] as const) {
        const made = await add(port, tenant, running.length, { status });
        if (status === "running") running.push(made);
      }
      await add(port, newTenant(), 1);
      expect(await port.index.countRunning(tenant, 10)).toBe(3);
      expect(await port.index.countRunning(tenant, 3)).toBe(3);
      expect(await port.index.countRunning(tenant, 2)).toBe(2);
      const [first, second] = running.map(({ jobId }) => jobId);
      if (first) await port.index.change(first, { status: "completed", wakeAtMs: null });
      expect(await port.index.countRunning(tenant, 10)).toBe(2);
      if (second) await port.index.change(second, { status: "dead-lettered" });
      expect(await port.index.countRunning(tenant, 10)).toBe(1);
      if (second) await port.index.change(second, { status: "running" });
      expect(await port.index.countRunning(tenant, 10)).toBe(2);
    });

    test("counts running jobs behind hundreds that have ended", async (port, tenant) => {
      await add(port, tenant, -1);
      for (let n = 0; n < 300; n += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, m) => add(port, tenant, n + m, { status: "completed" })));
      }
      expect(await port.index.countRunning(tenant, 100)).toBe(1);
    });

    test("wakes no job that has ended", async (port, tenant) => {
      const { jobId } = await add(port, tenant, 1, { wakeAtMs: 5 });
      await port.index.change(jobId, { status: "completed", wakeAtMs: null });
      await port.index.change(jobId, { wakeAtMs: 5 });
      expect((await port.index.due(5, 100)).some((job) => job.jobId === jobId)).toBe(false);
    });
  });
}

async function add(
  port: JobIndexUnderTest,
  tenant: TenantId,
  minute: number,
  fields: Partial<Head> = {},
): Promise<Head> {
  const createdAt = new Date(Date.UTC(2030, 0, 1, 12, minute)).toISOString();
  const made = head(newJobId(), { tenant, createdAt, ...fields });
  await port.log.append(commit(made.jobId, 1, 1, { tenant, time: createdAt }), { head: made });
  return made;
}

async function allPages(index: JobIndex, query: ListQuery): Promise<Head[][]> {
  const pages: Head[][] = [];
  for (let next: ListQuery | undefined = query; next !== undefined; ) {
    const page: Awaited<ReturnType<JobIndex["list"]>> = await index.list(next);
    pages.push([...page.jobs]);
    next = page.cursor === undefined ? undefined : { ...query, cursor: page.cursor };
  }
  return pages;
}

const cursorOf = ({ cursor }: { cursor: string | undefined }): { cursor?: string } =>
  cursor === undefined ? {} : { cursor };
const ids = (heads: readonly Head[]): string[] => heads.map(({ jobId }) => jobId).sort();
