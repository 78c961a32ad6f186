import { describe, expect } from "vitest";
import { test } from "./suite.ts";

describe("steps", () => {
  test("that are asked for at once are all requested before the first is done", async ({ api }) => {
    const job = await api.run("echo", { text: "wide", steps: 12 });
    expect(job).toMatchObject({ status: "completed", result: { same: 12 } });
    const types = (await api.events(job.id)).map(({ type }) => type);
    expect(types.slice(1, 13)).toEqual(Array(12).fill("step.requested"));
    expect(types.filter((type) => type === "step.completed")).toHaveLength(12);
  });

  test("remember time and randomness: every pass of the workflow sees the same", async ({ api }) => {
    const job = await api.run("trial", { mode: "recalls", text: "x" });
    const { numbers } = job.result as { numbers: number[] };
    const [begin = 0, one, two, ...after] = numbers;
    expect(after.slice(0, 3)).toEqual([begin, one, two]);
    expect(one).not.toBe(two);
    expect(begin).toBeGreaterThanOrEqual(Date.parse(job.createdAt));
    expect(after[3]).toBeGreaterThanOrEqual(begin);
    const recorded = (await api.events(job.id)).filter((event) => event.type === "value.recorded");
    expect(recorded.map(({ value }) => value)).toEqual([begin, one, two, after[3]]);
  });

  test("that fail once succeed at the second attempt, after a wait that is on record", async ({ api }) => {
    const job = await api.run("trial", { mode: "fails-once", text: "again" });
    expect(job).toMatchObject({ status: "completed", result: { text: "again" } });
    const [step] = job.steps;
    expect(step?.attempts).toMatchObject([
      { attempt: 1, outcome: "failed", error: { name: "Error", message: "not yet" } },
      { attempt: 2, outcome: "completed" },
    ]);
    expect(step?.error).toBeUndefined();
    const failed = (await api.events(job.id)).find((event) => event.type === "step.failed");
    expect(failed).toMatchObject({ attempt: 1, counts: true, final: false });
    const retryAt = failed?.type === "step.failed" ? Date.parse(failed.retryAt ?? "") : Number.NaN;
    expect(Date.parse(step?.attempts[1]?.startedAt ?? "")).toBeGreaterThanOrEqual(retryAt);
  });

  test("that are throttled lose no attempt by it", async ({ api }) => {
    const job = await api.run("trial", { mode: "throttled-first", text: "patience" });
    expect(job).toMatchObject({ status: "completed", result: { text: "patience" } });
    const failed = (await api.events(job.id)).filter((event) => event.type === "step.failed");
    expect(failed.map(({ attempt, counts, final }) => ({ attempt, counts, final }))).toEqual([
      { attempt: 1, counts: false, final: false },
      { attempt: 2, counts: true, final: false },
    ]);
    expect(job.steps[0]?.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  test("lose no attempt by an outage, however long, and wait as long as they are asked to", async ({ api }) => {
    const job = await api.run("trial", { mode: "sits-out-an-outage", text: "patience" });
    expect(job).toMatchObject({ status: "completed", result: { text: "patience" } });
    const log = await api.events(job.id);
    const failed = log.filter((event) => event.type === "step.failed");
    expect(failed.map(({ error, counts }) => [error.message, counts])).toEqual([
      ["429", false],
      ["503", false],
      ["429", false],
      ["not yet", true],
    ]);
    const startedAt = job.steps[0]?.attempts.map((attempt) => Date.parse(attempt.startedAt)) ?? [];
    for (const { attempt, time, retryAt = "" } of failed) {
      if (attempt <= 3) expect(Date.parse(retryAt) - Date.parse(time)).toBeGreaterThanOrEqual(600);
      expect(startedAt[attempt]).toBeGreaterThanOrEqual(Date.parse(retryAt));
    }
  });

  test("that fail for good reject in the workflow, which may go on without them", async ({ api }) => {
    const job = await api.run("trial", { mode: "recovers", text: "x" });
    expect(job).toMatchObject({ status: "completed", result: { text: "instead of first" } });
    expect(job.steps).toMatchObject([
      { id: "first", status: "failed", error: { name: "TerminalError", message: "no such model: x" } },
      { id: "instead", status: "completed" },
    ]);
    expect(job.steps[0]?.attempts).toHaveLength(1);
  });

  test("that fail for good fail the job, if the workflow does not catch it", async ({ api }) => {
    const job = await api.run("trial", { mode: "fails-for-good", text: "x" });
    expect(job).toMatchObject({ status: "failed", error: { name: "StepFailedError" } });
    expect(job.error?.message).toContain("no such model: x");
    expect(job.result).toBeUndefined();
    expect((await api.events(job.id)).at(-1)).toMatchObject({ type: "job.failed", error: job.error });
  });

  test("are kept where the workflow gives up, which fails the job with what it says", async ({ api }) => {
    const job = await api.run("trial", { mode: "gives-up", text: "x" });
    const error = { name: "JobFailedError", message: "there is nothing to be done", detail: { about: "x" } };
    expect(job).toMatchObject({ status: "failed", error, steps: [{ id: "first", status: "completed" }] });
  });
});
