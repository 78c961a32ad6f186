import { describe, expect } from "vitest";
import { problemOf } from "./caller.ts";
import { test } from "./suite.ts";

/** Above it a value is moved out of its commit, to the blob store. */
const COMMIT_BYTES = 65_536;

describe("payloads", () => {
  test("just under 1 MB are taken, pass through a step, and come back whole", async ({ api }) => {
    const text = "ü".repeat(500_000);
    const job = await api.run("echo", { text });
    expect(job.status).toBe("completed");
    expect((job.result as { text: string }).text === text).toBe(true);
    const [submitted] = await api.events(job.id);
    expect((submitted as { input?: { text: string } }).input?.text === text).toBe(true);
  });

  test.for<[string, number]>([
    ["of several hundred KB", 400_000],
    ["a little over a commit's size", COMMIT_BYTES + 1],
    ["a little under a commit's size", COMMIT_BYTES - 1_000],
  ])("%s that a step makes come back whole", async ([, size], { api }) => {
    // Numbers do not compress to nothing.
    const text = Array.from({ length: 2_000 }, (__, n) => (n * 2_654_435_761) % 4_294_967_296).join(",");
    const job = await api.run("trial", { mode: "grows", text, size });
    const expected = text.repeat(Math.ceil(size / text.length)).slice(0, size);
    expect((job.result as { text: string }).text === expected).toBe(true);
  });

  test("of many steps together are more than a commit holds", async ({ api }) => {
    const text = Array.from({ length: 3_000 }, (_, n) => (n * 40_503) % 65_536).join(" ");
    const job = await api.run("echo", { text, steps: 8 });
    expect(job).toMatchObject({ status: "completed", result: { same: 8 } });
  });

  test("keep every character", async ({ api }) => {
    const text = 'quotes " \\ \n\t\u0001 \u2028 e\u0301 \u{1f9ea} \u05d0 </script> {{jobId}} $.detail';
    expect(await api.run("echo", { text })).toMatchObject({ result: { text } });
  });

  test("over 1 MB that a step returns are refused with the size and the limit; what it returned is kept", async ({
    api,
  }) => {
    const size = 2_000_000;
    const job = await api.run("trial", { mode: "grows-too-large", text: "x", size });
    expect(job.status).toBe("dead-lettered");
    expect(job.steps[0]?.error?.message).toMatch(/20000\d\d bytes.*1048576/);
    const failed = (await api.events(job.id)).find((event) => event.type === "step.failed");
    expect((failed as { output?: { text: string } }).output?.text).toHaveLength(size);
  });

  test("over 1 MB of a body are a 413, whether it says its length or not", async ({ api }) => {
    const body = JSON.stringify({ workflow: "echo", input: { text: "x".repeat(1_048_576) } });
    expect((await problemOf(await api.post(body))).status).toBe(413);
    const chunked = await api.call("v1/jobs", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new Blob([body]).stream(),
      duplex: "half",
    } as RequestInit & { headers: Record<string, string> });
    expect((await problemOf(chunked)).status).toBe(413);
  });
});
