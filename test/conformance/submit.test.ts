import { describe, expect } from "vitest";
import { EventPage } from "../../src/contract/api.ts";
import { jobOf, pathsOf, problemOf } from "./caller.ts";
import { test, unique } from "./suite.ts";

describe("submitting", () => {
  test("answers 202 with the job, its place and when to look", async ({ api }) => {
    const response = await api.post({ workflow: "echo", input: { text: "hi" } });
    const job = await jobOf(response);
    expect(job).toMatchObject({ workflow: "echo", status: expect.stringMatching(/^(running|completed)$/) });
    expect(response.headers.get("location")).toBe(job.links.self);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await api.settled(job.id)).toMatchObject({ status: "completed", result: { text: "hi", tags: [], same: 1 } });
  });

  test("gives links that lead to the job and its events from where the caller called", async ({ api }) => {
    const response = await api.post({ workflow: "echo", input: { text: "links" } });
    const { id, links } = await jobOf(response);
    const self = await api.get(new URL(links.self, response.url).href);
    expect(await self.json()).toMatchObject({ id });
    const events = await api.get(new URL(links.events, response.url).href);
    const [first] = EventPage.parse(await events.json()).events;
    expect(first).toMatchObject({ seq: 1, type: "job.submitted", jobId: id });
  });

  test("fills in what the workflow's schema leaves open, and keeps a deadline that is asked for", async ({ api }) => {
    const job = await api.submit("echo", { text: "soon" }, { deadlineMs: 3_600_000 });
    // The deadline is set when the job is asked for, its first event is written a moment later.
    const aheadMs = Date.parse(job.deadline) - Date.parse(job.createdAt);
    expect(Math.abs(aheadMs - 3_600_000)).toBeLessThan(60_000);
  });

  test("an unknown workflow is a 400 that names the known ones", async ({ api }) => {
    const problem = await problemOf(await api.post({ workflow: "nope", input: {} }));
    expect(problem).toMatchObject({ status: 400, errors: [{ path: "/workflow" }] });
    expect(problem.detail).toContain('"nope"');
    expect(problem.detail).toContain("echo");
  });

  test("every violation of a workflow's input is named with its path", async ({ api }) => {
    const input = { text: 7, steps: 1.5, tags: ["ok", 7] };
    const problem = await problemOf(await api.post({ workflow: "echo", input }));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem).toSorted()).toEqual(["/input/steps", "/input/tags/1", "/input/text"]);
  });

  test.for<[object, string[]]>([
    [{}, ["/input", "/workflow"]],
    [{ workflow: "echo", input: { text: "a" }, extra: 1 }, [""]],
    [{ workflow: "echo", input: { text: "a" }, options: { deadlineMs: 5 } }, ["/options/deadlineMs"]],
    [{ workflow: "echo", input: { text: "a" }, options: { deadlineMs: 1e12 } }, ["/options/deadlineMs"]],
  ])("the body %j is a 400 that names %j", async ([body, paths], { api }) => {
    const problem = await problemOf(await api.post(body));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem).toSorted()).toEqual(paths);
  });

  test.for(["[]", "null", "7", '"text"', '{"workflow":', ""])("the body %s is a 400", async (body, { api }) => {
    expect((await problemOf(await api.post(body))).status).toBe(400);
  });

  test("a body that is nested without end is a 400", async ({ api }) => {
    for (const levels of [101, 5_000]) {
      const body = `{"workflow":"echo","input":${"[".repeat(levels)}${"]".repeat(levels)}}`;
      expect((await problemOf(await api.post(body))).status).toBe(400);
    }
  });

  test.for(["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])(
    "a body of type %s is a 415 that names it",
    async (type, { api }) => {
      const problem = await problemOf(
        await api.post({ workflow: "echo", input: { text: "a" } }, { "content-type": type }),
      );
      expect(problem.status).toBe(415);
      expect(problem.detail).toContain(type);
    },
  );

  test("a body with a charset is taken", async ({ api }) => {
    const headers = { "content-type": "application/json; charset=utf-8" };
    await jobOf(await api.post({ workflow: "echo", input: { text: unique() } }, headers));
  });

  test("many at once are all accepted, each as a job of its own", async ({ api }) => {
    const jobs = await Promise.all(Array.from({ length: 12 }, (_, n) => api.submit("echo", { text: `n${n}` })));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(12);
    for (const [n, { id }] of jobs.entries())
      expect(await api.settled(id)).toMatchObject({ result: { text: `n${n}` } });
  });
});
