import { describe, expect } from "vitest";
import { type Caller, problemOf } from "./caller.ts";
import { test } from "./suite.ts";

const ROUTES = ["v1/jobs", `v1/jobs/job_${"a".repeat(26)}`, "v1/capabilities", "v1/openapi.json"];

describe("a call", () => {
  test.for(ROUTES)("of %s without a key is a 401 that says which is needed", async (path, { nobody }) => {
    const response = await nobody.get(path);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
    expect((await problemOf(response)).status).toBe(401);
  });

  test("that submits without a key is a 401", async ({ nobody }) => {
    expect((await problemOf(await nobody.post({ workflow: "echo", input: { text: "a" } }))).status).toBe(401);
  });

  test.for(["Bearer slc_wrong", "Bearer ", "Bearer", "Basic Zm9vOmJhcg==", "slc_wrong"])(
    "with the authorization %j is a 401",
    async (authorization, { nobody }) => {
      expect((await problemOf(await nobody.get("v1/jobs", { authorization }))).status).toBe(401);
    },
  );

  test("with a key in the query, a cookie or another header is a 401", async ({ nobody, keys }) => {
    const key = keys.key;
    for (const query of [`key=${key}`, `authorization=Bearer%20${key}`, `access_token=${key}`]) {
      expect((await problemOf(await nobody.get(`v1/jobs?${query}`))).status).toBe(401);
    }
    for (const header of ["cookie", "x-api-key", "x-authorization"]) {
      expect((await problemOf(await nobody.get("v1/jobs", { [header]: `Bearer ${key}` }))).status).toBe(401);
    }
  });

  test("with the beginning of a key, or more than it, is a 401", async ({ nobody, keys }) => {
    for (const key of [keys.key.slice(0, -1), `${keys.key}x`]) {
      expect((await problemOf(await nobody.get("v1/jobs", { authorization: `Bearer ${key}` }))).status).toBe(401);
    }
  });

  test("of /healthz needs none", async ({ nobody }) => {
    const response = await nobody.get("healthz");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ok" });
  });
});

describe("another tenant's job", () => {
  /** What is answered, but for what is of each request alone. */
  const answerTo = async (api: Caller, path: string, id: string) => {
    const { requestId: _, detail, ...problem } = await problemOf(await api.get(path));
    return { ...problem, detail: detail.replaceAll(id, "ID") };
  };

  test("does not exist, and nothing tells it from one that does not", async ({ api, other }) => {
    const { id } = await api.submit("echo", { text: "mine" });
    const nobodys = `job_${"a".repeat(26)}`;
    for (const of of ["", "/events"]) {
      const theirs = await answerTo(other, `v1/jobs/${id}${of}`, id);
      expect(theirs.status).toBe(404);
      expect(theirs).toEqual(await answerTo(other, `v1/jobs/${nobodys}${of}`, nobodys));
    }
  });

  test("is in no list of one's own", async ({ api, other }) => {
    const { id } = await api.submit("echo", { text: "mine" });
    await api.late(
      "the own list",
      () => api.list("?limit=100"),
      ({ jobs }) => jobs.some((job) => job.id === id),
    );
    expect((await other.list("?limit=100")).jobs.map((job) => job.id)).not.toContain(id);
  });

  test("is not opened by a header that names its tenant", async ({ api, other }) => {
    const { id } = await api.run("echo", { text: "mine" });
    const [submitted] = await api.events(id);
    const headers = { "x-tenant-id": submitted?.tenant ?? "" };
    expect(headers["x-tenant-id"]).not.toBe("");
    expect((await problemOf(await other.get(`v1/jobs/${id}`, headers))).status).toBe(404);
    const forged = await other.post({ workflow: "echo", input: { text: "forged" } }, headers);
    const theirs = ((await forged.json()) as { id: string }).id;
    expect((await other.events(theirs))[0]?.tenant).not.toBe(submitted?.tenant);
  });
});
