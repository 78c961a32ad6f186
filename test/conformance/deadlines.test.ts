import { describe, expect } from "vitest";
import type { JobEvent } from "../../src/contract/events.ts";
import { test } from "./suite.ts";

const streamed = (log: readonly JobEvent[]): string =>
  log.map((event) => (event.type === "step.progress" ? (event.text ?? "") : "")).join("");

describe("a call that takes too long", () => {
  test("is stopped at its capability's timeout, and sees it", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "hangs", text: "x" });
    const log = await api.events(id);
    expect(streamed(log)).toBe("stopped by TimeoutError");
    const failed = log.find((event) => event.type === "step.failed");
    expect(failed).toMatchObject({ attempt: 1, counts: true, final: true, error: { name: "TimeoutError" } });
  });

  test("is stopped at its job's deadline, which ends the job at once and costs no attempt", async ({ api }) => {
    const input = { mode: "is-stopped", text: "x" };
    const { id, deadline } = await api.submit("trial", input, { deadlineMs: api.patience.deadlineMs });
    expect(await api.settled(id)).toMatchObject({ status: "expired" });
    const log = await api.events(id);
    expect(streamed(log)).toBe("stopped by ThrottledError");
    const [failed, expired] = log.slice(-2);
    expect(failed).toMatchObject({ type: "step.failed", stepId: "only", counts: false });
    expect(expired).toMatchObject({ type: "job.expired", deadline, time: failed?.time });
    expect(Date.parse(expired?.time ?? "")).toBeGreaterThanOrEqual(Date.parse(deadline));
  });
});

test("a job that has not ended at its deadline expires, also one that waits for a person", async ({ api }) => {
  const input = { mode: "returns-what-is-forbidden", text: "x" };
  const { id, deadline } = await api.submit("trial", input, { deadlineMs: api.patience.deadlineMs });
  expect(await api.settled(id)).toMatchObject({ status: "dead-lettered" });
  await api.expired(id);
  const last = (await api.events(id)).at(-1);
  expect(last).toMatchObject({ type: "job.expired", deadline });
  expect(Date.parse(last?.time ?? "")).toBeGreaterThanOrEqual(Date.parse(deadline));
  const listed = async () => (await api.list("?status=expired&limit=100")).jobs.map((job) => job.id);
  await api.late("the expired job in the list", listed, (ids) => ids.includes(id));
});
