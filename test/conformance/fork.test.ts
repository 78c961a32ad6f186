import { describe, expect } from "vitest";
import { type JobView, Redelivered } from "../../src/contract/api.ts";
import { type Caller, jobOf, pathsOf, problemOf } from "./caller.ts";
import { test, unique } from "./suite.ts";

const fork = (api: Caller, id: string, body?: object, headers?: Record<string, string>): Promise<Response> =>
  api.send(`v1/jobs/${id}/fork`, body, headers);

/** The fork of a job, once it has settled. */
const forked = async (api: Caller, id: string, body?: object): Promise<JobView> =>
  api.settled((await jobOf(await fork(api, id, body))).id);

/** Which steps of a job a worker ever began. */
const called = async (api: Caller, id: string): Promise<string[]> =>
  (await api.events(id)).flatMap((event) => (event.type === "step.started" ? [event.stepId] : []));

describe("a fork", () => {
  test("keeps the results up to a step, calls none of them again, and goes on with its own input", async ({ api }) => {
    const old = await api.run("trial", { mode: "two-steps", text: "old" });
    const response = await fork(api, old.id, { after: "first", input: { mode: "two-steps", text: "new" } });
    expect(response.headers.get("location")).toContain("/v1/jobs/job_");
    const { id } = await jobOf(response);
    const job = await api.settled(id);
    expect(job.id).not.toBe(old.id);
    expect(job).toMatchObject({ status: "completed", result: { text: "old new" }, inputDrift: ["first"] });
    expect(await called(api, job.id)).toEqual(["second"]);
    const oldLog = await api.events(old.id);
    const kept = oldLog.find((event) => event.type === "step.completed" && event.stepId === "first");
    expect(job.forkedFrom).toEqual({ jobId: old.id, seq: kept?.seq });
    const [completed] = (await api.events(job.id)).filter((event) => event.type === "step.completed");
    expect(completed).toMatchObject({ stepId: "first", by: "fork", result: { text: "old" } });
    expect(await api.job(old.id)).toEqual(old);
  });

  test("after the last step only ends: the workflow is run, nothing is called", async ({ api }) => {
    const old = await api.run("trial", { mode: "two-steps", text: "x" });
    const job = await forked(api, old.id, { after: "second" });
    expect(job).toMatchObject({ status: "completed", result: old.result });
    expect(await called(api, job.id)).toEqual([]);
  });

  test("without a step begins anew, with the old input unless it has another", async ({ api }) => {
    const old = await api.run("trial", { mode: "two-steps", text: "x" });
    const job = await forked(api, old.id);
    expect(job).toMatchObject({ status: "completed", result: old.result, forkedFrom: { jobId: old.id } });
    expect(await called(api, job.id)).toEqual(["first", "second"]);
  });

  test("keeps recorded times and randomness, and waits that are over", async ({ api }) => {
    const old = await api.run("trial", { mode: "recalls", text: "x" });
    const recalled = await forked(api, old.id, { after: "step/1" });
    const numbers = (job: JobView): number[] => (job.result as { numbers: number[] }).numbers.slice(0, -1);
    // But for the last, which was asked for after that step.
    expect(numbers(recalled)).toEqual(numbers(old));
    const slept = await api.run("trial", { mode: "naps", text: "x", size: 500 });
    const job = await forked(api, slept.id, { after: "after" });
    expect(job).toMatchObject({ status: "completed", timers: slept.timers });
  });

  test.for([
    ["has failed", "gives-up"],
    ["waits for a person", "throws"],
  ] as const)("of a job that %s goes on where that could not", async ([, mode], { api }) => {
    const old = await api.run("trial", { mode, text: "x" });
    const job = await forked(api, old.id, { after: "first", input: { mode: "two-steps", text: "y" } });
    expect(job).toMatchObject({ status: "completed", result: { text: "x y" } });
    expect(await api.job(old.id)).toEqual(old);
  });

  test.for(["recovers", "survives"])(
    "keeps a failure that the workflow has seen, which the new job sees again (%s)",
    async (mode, { api }) => {
      const { id } = await api.run("trial", { mode, text: "x" });
      if (mode === "survives") await api.send(`v1/jobs/${id}/discard`, { reason: "not worth it" });
      const old = await api.settled(id);
      expect(old.status).toBe("completed");
      const job = await forked(api, old.id, { after: "instead" });
      expect(job).toMatchObject({ status: "completed", result: old.result });
      expect(await called(api, job.id)).toEqual([]);
      const errors = ({ steps }: JobView) => steps.map(({ id, error }) => [id, error]);
      expect(errors(job)).toEqual(errors(old));
    },
  );

  test("of a job that has expired has a time of its own", async ({ api }) => {
    const options = { deadlineMs: api.patience.deadlineMs };
    const submitted = await api.submit("trial", { mode: "is-stopped", text: "x" }, options);
    const old = await api.settled(submitted.id);
    expect(old.status).toBe("expired");
    const body = { input: { mode: "two-steps", text: "y" }, options: { deadlineMs: 3_600_000 } };
    const job = await forked(api, old.id, body);
    expect(job).toMatchObject({ status: "completed", result: { text: "y y" } });
    expect(Date.parse(job.deadline)).toBeGreaterThan(Date.parse(old.deadline));
    expect(await api.job(old.id)).toEqual(old);
  });

  test("with an Idempotency-Key is made once", async ({ api }) => {
    const old = await api.run("trial", { mode: "two-steps", text: "x" });
    const headers = { "idempotency-key": unique() };
    const first = await fork(api, old.id, { after: "first" }, headers);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    const again = await fork(api, old.id, { after: "first" }, headers);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect((await jobOf(again)).id).toBe((await jobOf(first)).id);
    expect((await problemOf(await fork(api, old.id, { after: "second" }, headers))).status).toBe(422);
  });

  test.for<[object, number, string[]]>([
    [{ after: "no such step" }, 422, ["/after"]],
    [{ after: "second" }, 422, ["/after"]],
    [{ input: { mode: "no such mode", text: "x" } }, 400, ["/input/mode"]],
    [{ options: { deadlineMs: 5 } }, 400, ["/options/deadlineMs"]],
  ])("with %j is a %i that names %j", async ([body, status, paths], { api }) => {
    const { id } = await api.run("trial", { mode: "second-fails", text: "x" });
    const problem = await problemOf(await fork(api, id, body));
    expect(problem.status).toBe(status);
    expect(pathsOf(problem)).toEqual(paths);
  });
});

describe("redelivering", () => {
  const redeliver = async (api: Caller, id: string): Promise<number> => {
    const response = await api.send(`v1/jobs/${id}/redeliver`);
    expect(response.status).toBe(200);
    return Redelivered.parse(await response.json()).announced;
  };

  test("announces what has happened once more, and calls nothing", async ({ api }) => {
    const job = await api.run("trial", { mode: "fails-once", text: "x" });
    const log = await api.events(job.id);
    // That it was asked for, and that it was done.
    expect(await redeliver(api, job.id)).toBe(2);
    expect(await redeliver(api, job.id)).toBe(2);
    // Another job goes all the way through the same queue: whatever was to come of it has come.
    await api.run("trial", { mode: "fails-once", text: "meanwhile" });
    expect(await api.events(job.id)).toEqual(log);
  });

  test("takes an empty body, and no other", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "fails-once", text: "x" });
    expect((await api.send(`v1/jobs/${id}/redeliver`, {})).status).toBe(200);
    const problem = await problemOf(await api.send(`v1/jobs/${id}/redeliver`, { x: 1 }));
    expect(problem).toMatchObject({ status: 400, detail: expect.stringContaining('"x"') });
  });

  test("announces of a job that has not ended that it was asked for", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "returns-what-is-forbidden", text: "x" });
    expect(await redeliver(api, id)).toBe(1);
  });
});
