import { describe, expect } from "vitest";
import type { JobView } from "../../src/contract/api.ts";
import { type Caller, pathsOf, problemOf } from "./caller.ts";
import { test } from "./suite.ts";

const attemptsOf = (job: JobView): (number | undefined)[] =>
  job.steps.flatMap((step) => step.attempts.map((a) => a.attempt));

/** A person's decision on the dead letters of a job, and what became of it. */
const redriven = async (api: Caller, id: string, body?: object): Promise<JobView> => {
  await api.command(id, "redrive", body);
  return api.settled(id);
};

describe("a redriven step", () => {
  test("has a fresh budget of attempts, whose numbers go on; who asked for it, and why, is on record", async ({
    api,
  }) => {
    const { id, status } = await api.run("trial", { mode: "well-at-the-fourth", text: "again" });
    expect(status).toBe("dead-lettered");
    const job = await redriven(api, id, { reason: "the provider is back" });
    expect(job).toMatchObject({ status: "completed", result: { text: "again" } });
    expect(attemptsOf(job)).toEqual([1, 2, 3, 4]);
    expect(job.steps[0]).not.toHaveProperty("deadLetterSeq");
    const log = await api.events(id);
    const decision = log.filter((event) => event.type === "step.redriven");
    expect(decision).toMatchObject([{ stepId: "only", base: 2, by: "api", reason: "the provider is back" }]);
    const later = log.slice(decision[0]?.seq).filter((event) => event.type === "step.failed");
    expect(later).toMatchObject([{ attempt: 3, counts: true, final: false }]);
  });

  test("that fails again waits again", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "always-fails", text: "x" });
    const job = await redriven(api, id);
    expect(job.status).toBe("dead-lettered");
    expect(attemptsOf(job)).toEqual([1, 2, 3, 4]);
    expect((await api.events(id)).at(-1)).toMatchObject({ type: "step.dead_lettered", attempt: 4 });
  });

  test("can be given another input, and the job says that it is not what its workflow asked for", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "always-fails", text: "broken" });
    const input = { text: "mended", fate: "fails-once" };
    const job = await redriven(api, id, { stepId: "only", input });
    expect(job).toMatchObject({ status: "completed", result: { text: "mended" }, inputDrift: ["only"] });
    const decision = (await api.events(id)).find((event) => event.type === "step.redriven");
    expect(decision).toMatchObject({ base: 2, input });
  });

  test("can be answered by hand: nothing is called, and the record says so", async ({ api }) => {
    const { id, steps } = await api.run("trial", { mode: "always-fails", text: "x" });
    const job = await redriven(api, id, { stepId: "only", result: { text: "by hand" }, reason: "looked it up" });
    expect(job).toMatchObject({ status: "completed", result: { text: "by hand" } });
    expect(job.steps[0]?.attempts).toEqual(steps[0]?.attempts);
    const [answered] = (await api.events(id)).filter((event) => event.type === "step.completed");
    expect(answered).toMatchObject({ by: "person", result: { text: "by hand" }, reason: "looked it up" });
  });

  test("by its seq is redriven once, however often it is asked for", async ({ api }) => {
    const { id, steps } = await api.run("trial", { mode: "always-fails", text: "x" });
    const request = { stepId: "only", seq: steps[0]?.deadLetterSeq };
    expect(request.seq).toBeGreaterThan(0);
    const waiting = await redriven(api, id, request);
    expect(waiting.steps[0]?.deadLetterSeq).toBeGreaterThan(request.seq ?? 0);
    expect(await redriven(api, id, request)).toEqual(waiting);
    expect((await api.events(id)).filter((event) => event.type === "step.redriven")).toHaveLength(1);
  });

  test("as of the job's seq is redriven once, however often it is asked for", async ({ api }) => {
    const { id, seq } = await api.run("trial", { mode: "always-fails", text: "x" });
    const waiting = await redriven(api, id, { asOf: seq });
    expect(attemptsOf(waiting)).toEqual([1, 2, 3, 4]);
    expect(await redriven(api, id, { asOf: seq })).toEqual(waiting);
  });

  test.for<["redrive" | "discard", object]>([
    ["redrive", { stepId: "only", input: { text: "mended", fate: "fails-once" } }],
    ["redrive", { stepId: "only", result: { text: "by hand" } }],
    ["discard", { reason: "not worth it" }],
  ])(
    "%s %j asked for again once the job has ended has the same answer; another decision is a 409",
    async ([command, body], { api }) => {
      const { id, seq, steps } = await api.run("trial", { mode: "always-fails", text: "x" });
      const letter = { seq: steps[0]?.deadLetterSeq };
      await api.command(id, command, { ...body, ...letter });
      const ended = await api.settled(id);
      expect(["completed", "failed"]).toContain(ended.status);
      expect(await api.command(id, command, { ...body, ...letter })).toEqual(ended);
      expect(await api.command(id, command, { ...body, asOf: seq })).toEqual(ended);
      const other = command === "redrive" ? "discard" : "redrive";
      for (const [name, sent] of [
        [other, { ...letter, reason: "too late" }],
        [command, body],
      ] as const) {
        expect((await problemOf(await api.send(`v1/jobs/${id}/${name}`, sent))).status).toBe(409);
      }
      expect(await api.job(id)).toEqual(ended);
    },
  );

  test("by its seq takes no input and no answer once it was redriven without: a 409, not a repeat", async ({ api }) => {
    const { id, steps } = await api.run("trial", { mode: "always-fails", text: "x" });
    const request = { stepId: "only", seq: steps[0]?.deadLetterSeq };
    const waiting = await redriven(api, id, request);
    for (const more of [{ input: { text: "late", fate: "fails-once" } }, { result: { text: "late" } }]) {
      const problem = await problemOf(await api.send(`v1/jobs/${id}/redrive`, { ...request, ...more }));
      expect(problem.status).toBe(409);
      expect(problem.detail).toContain(
        `dead letter ${waiting.steps[0]?.deadLetterSeq}, not as dead letter ${request.seq}`,
      );
    }
    expect(await api.job(id)).toEqual(waiting);
  });

  test("asked for many times at once is redriven once", async ({ api }) => {
    const { id, steps } = await api.run("trial", { mode: "always-fails", text: "x" });
    const request = { seq: steps[0]?.deadLetterSeq };
    await Promise.all(Array.from({ length: 6 }, () => api.command(id, "redrive", request)));
    expect(attemptsOf(await api.settled(id))).toEqual([1, 2, 3, 4]);
  });

  test("given an input for a step that does not wait is a 409 that says how the step stands", async ({ api }) => {
    const job = await api.run("trial", { mode: "second-fails", text: "x" });
    const [first] = job.steps;
    for (const more of [{ input: { text: "y", fate: "fails-once" } }, { result: { text: "y" } }]) {
      const problem = await problemOf(await api.send(`v1/jobs/${job.id}/redrive`, { stepId: first?.id, ...more }));
      expect(problem.status).toBe(409);
      expect(problem.detail).toContain(`step "first" of job ${job.id} is completed`);
    }
    expect(await api.job(job.id)).toEqual(job);
  });

  test("is only the one that is asked for", async ({ api }) => {
    const job = await api.run("trial", { mode: "second-fails", text: "x" });
    expect(await redriven(api, job.id, { stepId: "first" })).toEqual(job);
    expect(await redriven(api, job.id, { stepId: "@advance" })).toEqual(job);
  });
});

describe("a redriven workflow", () => {
  test("is tried anew, and goes on from the results that are there once it is repaired", async ({ api }) => {
    const input = { mode: "is-repaired", text: "x", size: api.patience.repairMs };
    let job = await api.run("trial", input);
    expect(job).toMatchObject({ status: "dead-lettered", error: { name: "WorkflowError" } });
    let decisions = 0;
    // As a person would: once more, until the repair is there.
    while (job.status === "dead-lettered" && decisions < 20) {
      job = await redriven(api, job.id, { stepId: "@advance" });
      decisions += 1;
    }
    expect(job).toMatchObject({ status: "completed", result: { text: "x" } });
    expect(job.error).toBeUndefined();
    expect(attemptsOf(job)).toEqual([1]);
    const log = await api.events(job.id);
    const redrives = log.filter((event) => event.type === "step.redriven");
    expect(redrives.map(({ base }) => base)).toEqual(Array.from({ length: decisions }, (_, n) => 3 * (n + 1)));
    const tries = log.flatMap((event) => (event.type === "step.failed" ? [event.attempt] : []));
    expect(tries).toEqual(tries.map((_, n) => n + 1));
  });
});

describe("a discarded", () => {
  test("step has failed, and its workflow may go on without it", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "survives", text: "x" });
    await api.command(id, "discard", { stepId: "first", reason: "not worth it" });
    const job = await api.settled(id);
    expect(job).toMatchObject({ status: "completed", result: { text: "DiscardedError: not worth it" } });
    expect(job.steps).toMatchObject([
      { status: "failed", error: { name: "DiscardedError", cause: { message: "the dependency is on fire" } } },
      { status: "completed" },
    ]);
    const discarded = (await api.events(id)).find((event) => event.type === "step.discarded");
    expect(discarded).toMatchObject({ stepId: "first", attempt: 2, reason: "not worth it" });
  });

  test("step fails its job, if the workflow does not catch it", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "always-fails", text: "x" });
    await api.command(id, "discard", { reason: "not worth it" });
    const job = await api.settled(id);
    expect(job).toMatchObject({ status: "failed", error: { name: "StepFailedError" } });
    expect(job.error?.message).toContain("not worth it");
  });

  test("workflow ends with its job", async ({ api }) => {
    const { id } = await api.run("trial", { mode: "throws", text: "x" });
    const job = await api.command(id, "discard", { stepId: "@advance", reason: "nobody will repair it" });
    const error = { name: "DiscardedError", message: "nobody will repair it", cause: { name: "WorkflowError" } };
    expect(job).toMatchObject({ status: "failed", error });
    expect((await api.events(id)).slice(-2)).toMatchObject([{ type: "step.discarded" }, { type: "job.failed", error }]);
  });

  test("step by the seq of an older dead letter stays", async ({ api }) => {
    const { id, steps } = await api.run("trial", { mode: "always-fails", text: "x" });
    const waiting = await redriven(api, id);
    const stale = { seq: steps[0]?.deadLetterSeq, reason: "too late" };
    expect(await api.command(id, "discard", stale)).toEqual(waiting);
  });
});

describe("a person's decision", () => {
  test.for<["redrive" | "discard", object, number, string[]]>([
    ["redrive", { stepId: "only", input: { text: 7, fate: "fails-once" } }, 422, ["/input/text"]],
    ["redrive", { stepId: "only", result: { text: 7 } }, 422, ["/result/text"]],
    ["redrive", { input: { text: "whose?" } }, 400, ["/stepId"]],
    ["redrive", { stepId: "only", input: {}, result: {} }, 400, ["/result"]],
    ["redrive", { seq: 0 }, 400, ["/seq"]],
    ["discard", { asOf: 0, reason: "x" }, 400, ["/asOf"]],
    ["redrive", { stepId: "no such step" }, 409, []],
    ["discard", {}, 400, ["/reason"]],
    ["discard", { stepId: "no such step", reason: "x" }, 409, []],
  ])("%s %j is a %i that names %j, and changes nothing", async ([command, body, status, paths], { api }) => {
    const job = await api.run("trial", { mode: "returns-what-is-forbidden", text: "x" });
    const problem = await problemOf(await api.send(`v1/jobs/${job.id}/${command}`, body));
    expect(problem.status).toBe(status);
    expect(pathsOf(problem)).toEqual(paths);
    expect(await api.job(job.id)).toEqual(job);
  });

  test.for(["redrive", "discard"] as const)("%s on a job that has ended is a 409", async (command, { api }) => {
    const job = await api.run("trial", { mode: "gives-up", text: "x" });
    const problem = await problemOf(await api.send(`v1/jobs/${job.id}/${command}`, { reason: "too late" }));
    expect(problem.status).toBe(409);
    expect(problem.detail).toContain("failed");
    expect(await api.job(job.id)).toEqual(job);
  });
});
