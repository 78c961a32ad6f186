import { describe, expect } from "vitest";
import type { JobEvent } from "../../src/contract/events.ts";
import { jobOf, pathsOf, problemOf } from "./caller.ts";
import { test } from "./suite.ts";

/** So long that who looks at once finds it asleep. */
const NAP_MS = 5_000;
const DAY_MS = 86_400_000;
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const timeOf = (event: JobEvent | undefined): number => Date.parse(event?.time ?? "");

describe("a workflow that sleeps", () => {
  test("holds no worker meanwhile, can be seen to wait, and goes on when its time has come", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "naps", text: "rested", size: NAP_MS });
    const asleep = await api.job(id);
    expect(asleep).toMatchObject({ status: "running", steps: [], timers: [{ id: "nap", fired: false }] });
    const job = await api.settled(id);
    expect(job).toMatchObject({ status: "completed", result: { text: "rested" } });
    expect(job.timers).toEqual([{ ...asleep.timers?.[0], fired: true }]);
    const log = await api.events(id);
    expect(log.slice(0, 4).map(({ type }) => type)).toEqual([
      "job.submitted",
      "timer.set",
      "timer.fired",
      "step.requested",
    ]);
    const fireAt = Date.parse(job.timers?.[0]?.fireAt ?? "");
    expect(fireAt - timeOf(log[1])).toBe(NAP_MS);
    expect(timeOf(log[2])).toBeGreaterThanOrEqual(fireAt);
  });

  test("for no time at all goes on at once", async ({ api }) => {
    const job = await api.run("trial", { mode: "naps", text: "awake", size: 0 });
    expect(job).toMatchObject({ status: "completed", timers: [{ fired: true }] });
  });

  test.for([100, 500])("beside a step of %i ms sees the same one win in every pass", async (size, { api }) => {
    const job = await api.run("trial", { mode: "races", text: "x", size });
    expect(job.status).toBe("completed");
    const [winner] = (job.result as { text: string }).text.split(" ");
    expect(job.steps.map(({ id }) => id)).toEqual(["slowly", `after the ${winner}`, "last"]);
    const answers = (await api.events(job.id)).flatMap((event) =>
      event.type === "timer.fired" || (event.type === "step.completed" && event.stepId === "slowly")
        ? [event.type]
        : [],
    );
    expect(answers).toHaveLength(2);
    expect(winner).toBe(answers[0] === "timer.fired" ? "sleep" : "step");
  });
});

describe("a job with a start of its own", () => {
  test("says so, does nothing before, and has all of its time from then on", async ({ api }) => {
    const startAt = inMs(2_000);
    const options = { startAt, deadlineMs: 3_600_000 };
    const submitted = await api.submit("echo", { text: "later" }, options);
    expect(submitted).toMatchObject({ status: "running", seq: 1, startAt, steps: [] });
    expect(Date.parse(submitted.deadline) - Date.parse(startAt)).toBe(3_600_000);
    expect(await api.settled(submitted.id)).toMatchObject({ status: "completed", startAt, result: { text: "later" } });
    const [first, second] = await api.events(submitted.id);
    expect(first).toMatchObject({ type: "job.submitted", startAt });
    expect(timeOf(first)).toBeLessThan(Date.parse(startAt));
    expect(timeOf(second)).toBeGreaterThanOrEqual(Date.parse(startAt));
  });

  test.for(["+01:00", "-11:30", "+00:00"])(
    "is the same instant with an offset of %s, and told in UTC",
    async (offset, { api }) => {
      const startAt = inMs(DAY_MS);
      const ahead =
        (Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4))) * (offset.startsWith("-") ? -60_000 : 60_000);
      const local = new Date(Date.parse(startAt) + ahead).toISOString().replace("Z", offset);
      const job = await api.submit("echo", { text: "there" }, { startAt: local, deadlineMs: 60_000 });
      expect(job).toMatchObject({ startAt, deadline: new Date(Date.parse(startAt) + 60_000).toISOString() });
      expect((await api.events(job.id))[0]).toMatchObject({ type: "job.submitted", startAt });
      await api.command(job.id, "cancel");
    },
  );

  test("that lies in the past starts at once", async ({ api }) => {
    const { id } = await api.submit("echo", { text: "overdue" }, { startAt: inMs(-DAY_MS) });
    expect(await api.settled(id)).toMatchObject({ status: "completed" });
  });

  test("days ahead is accepted, and can be cancelled until then", async ({ api }) => {
    const job = await api.submit("echo", { text: "never" }, { startAt: inMs(13 * DAY_MS), deadlineMs: 60_000 });
    expect(await api.command(job.id, "cancel")).toMatchObject({ status: "cancelled", steps: [] });
    expect((await api.events(job.id)).map(({ type }) => type)).toEqual(["job.submitted", "job.cancelled"]);
  });

  test.for<[string, object]>([
    ["more than 14 days ahead", { startAt: inMs(14 * DAY_MS + 60_000), deadlineMs: 1_000 }],
    ["that leaves it past 14 days at its deadline", { startAt: inMs(13 * DAY_MS), deadlineMs: 2 * DAY_MS }],
    ["that is no time", { startAt: "tomorrow" }],
    ["that says no offset", { startAt: inMs(DAY_MS).replace("Z", "") }],
  ])("%s is a 400", async ([, options], { api }) => {
    const problem = await problemOf(await api.post({ workflow: "echo", input: { text: "x" }, options }));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem)).toEqual(["/options/startAt"]);
  });

  test("is part of what an Idempotency-Key stands for", async ({ api }) => {
    const headers = { "idempotency-key": crypto.randomUUID() };
    const body = { workflow: "echo", input: { text: "once" }, options: { startAt: inMs(1_000) } };
    const { id } = await jobOf(await api.post(body, headers));
    expect((await jobOf(await api.post(body, headers))).id).toBe(id);
    const other = { ...body, options: { startAt: inMs(5_000) } };
    expect((await problemOf(await api.post(other, headers))).status).toBe(422);
  });
});
