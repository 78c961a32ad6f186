import { describe, expect } from "vitest";
import { test } from "./suite.ts";

describe("a step that is given up", () => {
  test("waits for a person, with each attempt's error and causes on record", async ({ api }) => {
    const job = await api.run("trial", { mode: "always-fails", text: "x" });
    const error = { name: "Error", message: "the dependency is on fire", cause: { name: "Error", message: "smoke" } };
    expect(job.status).toBe("dead-lettered");
    expect(job.steps).toMatchObject([
      {
        status: "dead-lettered",
        error,
        attempts: [
          { attempt: 1, outcome: "failed", error },
          { attempt: 2, outcome: "failed", error },
        ],
      },
    ]);
    const events = await api.events(job.id);
    expect(events.at(-1)).toMatchObject({ type: "step.dead_lettered", stepId: "only", attempt: 2, error });
    expect(events.at(-2)).toMatchObject({ type: "step.failed", attempt: 2, counts: true, final: true });
    expect(JSON.stringify(events)).not.toMatch(/\bat .*:\d+:\d+/);
  });

  test("because its output is forbidden is not called again; what it returned is kept", async ({ api }) => {
    const job = await api.run("trial", { mode: "returns-what-is-forbidden", text: "x" });
    expect(job).toMatchObject({ status: "dead-lettered", steps: [{ attempts: [{ attempt: 1 }] }] });
    expect(job.steps[0]?.attempts).toHaveLength(1);
    const failed = (await api.events(job.id)).find((event) => event.type === "step.failed");
    expect(failed).toMatchObject({ final: true, output: { text: 7, count: "many" }, error: { name: "OutputError" } });
    const said = failed?.type === "step.failed" ? JSON.stringify(failed.error.detail) : "";
    expect(said).toContain("/output/text");
    expect(said).toContain("/output/count");
  });

  test("at its timeout says so", async ({ api }) => {
    const job = await api.run("trial", { mode: "hangs", text: "x" });
    expect(job).toMatchObject({ status: "dead-lettered", steps: [{ error: { name: "TimeoutError" } }] });
    const { startedAt, endedAt } = job.steps[0]?.attempts[0] ?? {};
    expect(Date.parse(endedAt ?? "") - Date.parse(startedAt ?? "")).toBeGreaterThanOrEqual(1_000);
  });

  test("because a person has to put something right waits, although its workflow would hear of it", async ({ api }) => {
    const job = await api.run("trial", { mode: "needs-a-person", text: "x" });
    expect(job).toMatchObject({ status: "dead-lettered", steps: [{ error: { name: "HeldError" } }] });
    expect(job.steps[0]?.attempts).toHaveLength(1);
  });

  test("is counted in its capability's dead letters", async ({ api }) => {
    const count = async () =>
      (await api.capabilities()).capabilities.find(({ name }) => name === "slow")?.deadLetters ?? 0;
    await api.run("trial", { mode: "hangs", text: "x" });
    await api.late("the dead letters of slow", count, (letters) => letters > 0);
  });
});

describe("a workflow with a bug", () => {
  test.for<[string, string]>([
    ["throws", "TypeError"],
    ["uses-an-id-twice", "is used twice in one pass"],
    ["awaits-no-step", "awaits something that is no step"],
    ["returns-what-it-must-not", "/output/text"],
  ])("that %s waits for a person after three tries; results stay", async ([mode, said], { api }) => {
    const job = await api.run("trial", { mode, text: "x" });
    expect(job.status).toBe("dead-lettered");
    expect(job.error?.message).toContain(said);
    const events = await api.events(job.id);
    const tries = events.filter((event) => event.type === "step.failed" && event.stepId === "@advance");
    expect(tries).toMatchObject([{ final: false }, { final: false }, { final: true }]);
    expect(events.at(-1)).toMatchObject({ type: "step.dead_lettered", stepId: "@advance" });
    const completed = events.filter(({ type }) => type === "step.completed");
    expect(completed.length).toBe(job.steps.length);
  });

  test("keeps no other job waiting", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "throws", text: "x" });
    expect(await api.run("trial", { mode: "recovers", text: "meanwhile" })).toMatchObject({ status: "completed" });
    expect(await api.settled(id)).toMatchObject({ status: "dead-lettered" });
  });
});
