import { describe, expect } from "vitest";
import { jobOf, pathsOf, problemOf } from "./caller.ts";
import { test, unique } from "./suite.ts";

const body = (text: string) => ({ workflow: "echo", input: { text } });

describe("an Idempotency-Key", () => {
  test("makes a repeat answer with the first job, quoted or bare, in whatever order the members stand", async ({
    api,
  }) => {
    const key = unique();
    const first = await api.post('{"workflow":"echo","input":{"text":"Ada","tags":["a"]}}', {
      "idempotency-key": `"${key}"`,
    });
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    const { id } = await jobOf(first);
    const again = await api.post('{"input":{"tags":["a"],"text":"Ada"},"workflow":"echo"}', { "idempotency-key": key });
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect((await jobOf(again)).id).toBe(id);
  });

  test("answers with the job as it is by now", async ({ api }) => {
    const headers = { "idempotency-key": unique() };
    const { id } = await jobOf(await api.post(body("later"), headers));
    await api.settled(id);
    expect(await jobOf(await api.post(body("later"), headers))).toMatchObject({ id, status: "completed" });
  });

  test("sent many times at once makes one job", async ({ api }) => {
    const headers = { "idempotency-key": unique() };
    const all = await Promise.all(Array.from({ length: 8 }, () => api.post(body("once"), headers)));
    const jobs = await Promise.all(all.map(jobOf));
    const [id = ""] = new Set(jobs.map((job) => job.id));
    expect(new Set(jobs.map((job) => job.id)).size).toBe(1);
    expect(all.filter((response) => response.headers.get("idempotency-replayed") === null)).toHaveLength(1);
    await api.settled(id);
    expect((await api.events(id)).filter(({ type }) => type === "job.submitted")).toHaveLength(1);
  });

  test("for another payload is a 422 that names the job it stands for", async ({ api }) => {
    const headers = { "idempotency-key": unique() };
    const { id } = await jobOf(await api.post(body("a"), headers));
    const problem = await problemOf(await api.post(body("b"), headers));
    expect(problem.status).toBe(422);
    expect(problem.detail).toContain(id);
  });

  test("of another tenant is another key", async ({ api, other }) => {
    const headers = { "idempotency-key": unique() };
    const mine = await jobOf(await api.post(body("a"), headers));
    const theirs = await jobOf(await other.post(body("b"), headers));
    expect(theirs.id).not.toBe(mine.id);
  });

  test("is no key where the submission was refused", async ({ api }) => {
    const headers = { "idempotency-key": unique() };
    expect((await problemOf(await api.post({ workflow: "echo", input: {} }, headers))).status).toBe(400);
    await jobOf(await api.post(body("right this time"), headers));
  });

  test.for([
    ["empty", '""'],
    ["longer than 255 characters", "x".repeat(256)],
  ] as const)("that is %s is a 400", async ([, key], { api }) => {
    const problem = await problemOf(await api.post(body("a"), { "idempotency-key": key }));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem)).toEqual(["Idempotency-Key"]);
  });
});
