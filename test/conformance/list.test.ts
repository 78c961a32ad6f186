import { describe, expect } from "vitest";
import type { JobSummary } from "../../src/contract/api.ts";
import type { Caller } from "./caller.ts";
import { pathsOf, problemOf } from "./caller.ts";
import { test } from "./suite.ts";

/** All pages of a list, or the first 50. */
async function allPages(api: Caller, query: string): Promise<JobSummary[]> {
  const jobs: JobSummary[] = [];
  let cursor = "";
  for (let pages = 0; pages < 50; pages++) {
    const page = await api.list(`?${query}${cursor}`);
    jobs.push(...page.jobs);
    if (page.next === undefined) break;
    cursor = `&cursor=${encodeURIComponent(page.next)}`;
  }
  return jobs;
}

const idsOf = (jobs: readonly JobSummary[]): string[] => jobs.map(({ id }) => id);

describe("the list", () => {
  test("has the tenant's jobs, newest first, page by page, none twice", async ({ other }) => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift((await other.submit("echo", { text: `n${n}` })).id);
    const jobs = await other.late(
      "the list",
      () => allPages(other, "limit=2&workflow=echo"),
      (list) => ids.every((id) => idsOf(list).includes(id)),
    );
    expect(idsOf(jobs).filter((id) => ids.includes(id))).toEqual(ids);
    expect(new Set(idsOf(jobs)).size).toBe(jobs.length);
    const times = jobs.map(({ createdAt }) => createdAt);
    expect(times).toEqual(times.toSorted().reverse());
  });

  test("can be filtered by workflow and status, and says what has become of each", async ({ api }) => {
    const { id: echo } = await api.run("echo", { text: "listed" });
    const { id: trial } = await api.run("trial", { mode: "recovers", text: "listed" });
    const { id: failed } = await api.run("trial", { mode: "gives-up", text: "listed" });
    const completed = await api.late(
      "the completed trial",
      () => allPages(api, "limit=100&workflow=trial&status=completed"),
      (list) => idsOf(list).includes(trial),
    );
    for (const job of completed) expect(job).toMatchObject({ workflow: "trial", status: "completed" });
    expect(idsOf(completed)).not.toContain(echo);
    expect(idsOf(completed)).not.toContain(failed);
    const all = await api.late(
      "the failed trial",
      () => allPages(api, "limit=100&status=failed"),
      (list) => idsOf(list).includes(failed),
    );
    for (const job of all) expect(job.status).toBe("failed");
  });

  test("shows what waits for a person", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "always-fails", text: "listed" });
    await api.late(
      "the dead-lettered job",
      () => allPages(api, "limit=100&status=dead-lettered"),
      (list) => idsOf(list).includes(id),
    );
  });

  test("links to what it lists", async ({ api }) => {
    const { id } = await api.submit("echo", { text: "linked" });
    const found = await api.late(
      "the job",
      async () => (await api.list("?limit=100")).jobs.find((job) => job.id === id),
      (job) => job !== undefined,
    );
    expect(found?.links).toEqual((await api.job(id)).links);
  });

  test("of another workflow's name is empty", async ({ api }) => {
    expect(await api.list("?workflow=nothing-by-this-name")).toEqual({ jobs: [] });
  });
});

test.for<[string, string[]]>([
  ["v1/jobs?foo=1", ["foo"]],
  ["v1/jobs?limit=0", ["limit"]],
  ["v1/jobs?limit=ten", ["limit"]],
  ["v1/jobs?limit=0x10", ["limit"]],
  ["v1/jobs?limit=101", ["limit"]],
  ["v1/jobs?limit=1&limit=2", ["limit"]],
  ["v1/jobs?status=unknown", ["status"]],
  ["v1/jobs?cursor=bm9uc2Vuc2U", ["cursor"]],
  ["v1/capabilities?x=1", ["x"]],
  ["v1/jobs/job_short", ["jobId"]],
  ["v1/jobs/job_short/events", ["jobId"]],
])("GET %s is a 400 that names %j", async ([path, paths], { api }) => {
  const problem = await problemOf(await api.get(path));
  expect(problem.status).toBe(400);
  expect(pathsOf(problem)).toEqual(paths);
});
