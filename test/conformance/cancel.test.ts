import { describe, expect } from "vitest";
import { pathsOf, problemOf } from "./caller.ts";
import { test } from "./suite.ts";
import { startWitness } from "./witness.ts";

describe("cancelling", () => {
  test("stops the call that runs, and no step starts after it", async ({ api }) => {
    await using witness = await startWitness();
    const { id } = await api.submit("trial", { mode: "is-stopped", text: "x", witness: witness.url });
    const started = (log: Awaited<ReturnType<typeof api.events>>) =>
      log.some((event) => event.type === "step.started" && event.stepId === "only") &&
      log.some((event) => event.type === "step.completed" && event.stepId === "beside");
    await api.late("the call", () => api.events(id), started);
    const job = await api.command(id, "cancel", { reason: "no longer needed" });
    expect(job).toMatchObject({ status: "cancelled", error: { message: "no longer needed" } });
    await api.late(
      "what the call saw",
      async () => witness.heard,
      (heard) => heard.length > 0,
    );
    expect(witness.heard).toEqual(["CallStoppedError"]);
    const log = await api.events(id);
    expect(log.at(-1)).toMatchObject({ type: "job.cancelled", reason: "no longer needed", seq: job.seq });
    expect((await api.job(id)).steps.map((step) => step.id)).not.toContain("after");
    const listed = async () => (await api.list("?status=cancelled&limit=100")).jobs.map((each) => each.id);
    await api.late("the cancelled job in the list", listed, (ids) => ids.includes(id));
  });

  test("a second time changes nothing, not even the reason", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "naps", text: "x", size: 60_000 });
    const first = await api.command(id, "cancel", { reason: "first" });
    expect(await api.command(id, "cancel", { reason: "second" })).toEqual(first);
    expect(await api.command(id, "cancel")).toEqual(first);
    expect(await api.job(id)).toEqual(first);
  });

  test("needs no reason, and no body", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "naps", text: "x", size: 60_000 });
    const job = await api.command(id, "cancel");
    expect(job.status).toBe("cancelled");
    expect(job.error).toBeUndefined();
    expect((await api.events(id)).at(-1)).not.toHaveProperty("reason");
  });

  test("a job that has ended leaves it as it is", async ({ api }) => {
    const job = await api.run("echo", { text: "done" });
    expect(await api.command(job.id, "cancel", { reason: "too late" })).toEqual(job);
    expect(await api.job(job.id)).toEqual(job);
  });

  test("ends a wait: nothing follows when its time comes", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "naps", text: "x", size: 3_000 });
    const job = await api.command(id, "cancel");
    // One that begins to wait later is through: whatever was to come of the first has come.
    expect(await api.run("trial", { mode: "naps", text: "later", size: 3_500 })).toMatchObject({ status: "completed" });
    expect(await api.job(id)).toEqual(job);
    expect(job).toMatchObject({ status: "cancelled", steps: [], timers: [{ id: "nap", fired: false }] });
  });

  test("takes a job from among those that wait for a person", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "returns-what-is-forbidden", text: "x" });
    expect(await api.command(id, "cancel")).toMatchObject({ status: "cancelled" });
    expect((await problemOf(await api.send(`v1/jobs/${id}/redrive`))).status).toBe(409);
    const waiting = async () => (await api.deadLetters("?limit=100")).deadLetters.map(({ jobId }) => jobId);
    await api.late("the dead letters without it", waiting, (ids) => !ids.includes(id));
  });

  test.for<[object, string[]]>([
    [{ reason: "" }, ["/reason"]],
    [{ reason: "x".repeat(501) }, ["/reason"]],
    [{ because: "of this" }, [""]],
  ])("with %j is a 400", async ([body, paths], { api }) => {
    const { id } = await api.run("echo", { text: "done" });
    const problem = await problemOf(await api.send(`v1/jobs/${id}/cancel`, body));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem)).toEqual(paths);
  });
});

test.for<[string, object | undefined]>([
  ["cancel", undefined],
  ["redrive", undefined],
  ["discard", { reason: "not mine" }],
  ["redeliver", undefined],
  ["fork", undefined],
])("%s of another tenant's job is a 404, and changes nothing", async ([command, body], { api, other }) => {
  const job = await api.run("trial", { mode: "returns-what-is-forbidden", text: "mine" });
  expect((await problemOf(await other.send(`v1/jobs/${job.id}/${command}`, body))).status).toBe(404);
  expect(await api.job(job.id)).toEqual(job);
});
