import { describe, expect } from "vitest";
import { problemOf } from "./caller.ts";
import { test } from "./suite.ts";

describe("the edge", () => {
  test.for(["v2/jobs", "v1/nothing", "v1/jobs/a/b/c", "nothing"])("GET %s is a 404", async (path, { nobody }) => {
    expect((await problemOf(await nobody.get(path))).status).toBe(404);
  });

  test("a path that there is not is a 404 for a caller with a key, too", async ({ api }) => {
    expect((await problemOf(await api.get("v2/jobs"))).status).toBe(404);
  });

  test.for(["PUT", "DELETE", "PATCH"])("%s of a path that does not take it is refused", async (method, { nobody }) => {
    const { status } = await problemOf(await nobody.call("v1/jobs", { method }));
    expect([404, 405]).toContain(status);
  });

  test("a method that a path does not take is a 405 with those that it takes", async ({ api }) => {
    const response = await api.call("v1/jobs", { method: "DELETE" });
    expect((await problemOf(response)).status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, POST");
  });

  test("a trace that a caller sends goes with its job", async ({ api }) => {
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
    const response = await api.post({ workflow: "echo", input: { text: "traced" } }, headers);
    const { id } = (await response.json()) as { id: string };
    const [submitted] = await api.events(id);
    expect(submitted).toMatchObject({ traceparent: expect.stringContaining(traceId) });
  });
});
