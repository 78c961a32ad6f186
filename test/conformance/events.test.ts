import { describe, expect } from "vitest";
import type { JobEvent } from "../../src/contract/events.ts";
import { pathsOf, problemOf } from "./caller.ts";
import { test } from "./suite.ts";

describe("events", () => {
  test("tell the whole of a job, from its submission to its end", async ({ api }) => {
    const { id } = await api.run("echo", { text: "log" });
    const events = await api.events(id);
    expect(events.map(({ type }) => type)).toEqual([
      "job.submitted",
      "step.requested",
      "step.started",
      "step.completed",
      "job.completed",
    ]);
    expect(events[0]).toMatchObject({ workflow: "echo", input: { text: "log" } });
    expect(events[3]).toMatchObject({ stepId: "part/0", capability: "repeat", attempt: 1, result: { text: "log" } });
    expect(events[4]).toMatchObject({ output: { text: "log" } });
  });

  test("can be read from any cursor, and are the same from each", async ({ api }) => {
    const { id } = await api.run("echo", { text: "cursor", steps: 2 });
    const events = await api.events(id);
    for (let after = 0; after <= events.length; after++) {
      const page = await api.page(id, `?after=${after}`);
      expect(page).toEqual({ events: events.slice(after), next: events.length, ended: true });
    }
  });

  test("come in pages of a limit, which end inside of a commit as well", async ({ api }) => {
    const { id } = await api.run("echo", { text: "pages", steps: 3 });
    const events = await api.events(id);
    for (const limit of [1, 2, events.length]) {
      const read: JobEvent[] = [];
      for (let ended = false, after = 0; !ended; ) {
        const page = await api.page(id, `?limit=${limit}&after=${after}`);
        expect(page.events.length).toBeGreaterThan(0);
        expect(page.events.length).toBeLessThanOrEqual(limit);
        expect(page.next).toBe(page.events.at(-1)?.seq);
        expect(page.next).toBeGreaterThan(after);
        read.push(...(page.events as JobEvent[]));
        ({ ended, next: after } = page);
      }
      expect(read).toEqual(events);
    }
  });

  test("can be followed while the job runs: nothing is missed, nothing comes twice", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "sleeps", text: "follow", size: 300 });
    const followed: JobEvent[] = [];
    const page = () => api.page(id, `?after=${followed.length}`);
    await api.late("the end of the log", page, ({ events, ended }) => {
      followed.push(...(events as JobEvent[]));
      return ended;
    });
    expect(followed).toEqual(await api.events(id));
  });

  test("of a job that waits for a person have not ended", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "returns-what-is-forbidden", text: "x" });
    const page = await api.page(id);
    expect(page.ended).toBe(false);
    expect(await api.page(id, `?after=${page.next}`)).toEqual({ events: [], next: page.next, ended: false });
  });

  test("of what a capability streams are on record, the end before the result", async ({ api }) => {
    const job = await api.run("trial", { mode: "streams", text: "one two three" });
    expect(job).toMatchObject({ result: { text: "one two three" } });
    expect(job.usage).toEqual({ model: "conformance", inputTokens: 3, outputTokens: 4 });
    const events = await api.events(job.id);
    const streamed = events.filter((event) => event.type === "step.progress");
    expect(streamed.map(({ text }) => text).join("")).toBe("one two three ");
    expect(streamed.at(-1)).toMatchObject({ final: true, output: { text: "one two three" } });
  });

  test.for(["-1", "1.5", "abc", "", "99999999999", "1000"])("after=%s is a 400", async (after, { api }) => {
    const { id } = await api.submit("echo", { text: "x" });
    const problem = await problemOf(await api.get(`v1/jobs/${id}/events?after=${after}`));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem)).toEqual(["after"]);
  });

  test.for(["0", "1001", "ten"])("limit=%s is a 400", async (limit, { api }) => {
    const { id } = await api.submit("echo", { text: "x" });
    const problem = await problemOf(await api.get(`v1/jobs/${id}/events?limit=${limit}`));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem)).toEqual(["limit"]);
  });
});
