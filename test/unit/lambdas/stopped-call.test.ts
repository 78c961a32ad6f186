import { expect, test } from "vitest";
import { cancelJob } from "../../../lambdas/commands/commands.ts";
import { reconcile } from "../../../lambdas/reconciler/reconciler.ts";
import { settle } from "../../../src/testing/virtual-clock.ts";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

/** A capability that never looks at its signal, and answers when it is told to. */
function slow() {
  const answer = Promise.withResolvers<{ text: string }>();
  const signals: AbortSignal[] = [];
  return {
    answer: () => answer.resolve({ text: "late" }),
    signals,
    run(_: unknown, { signal }: { readonly signal: AbortSignal }) {
      signals.push(signal);
      return answer.promise;
    },
  };
}

test("cancelling a job aborts its call at once, and what the call still returns is recorded nowhere", async () => {
  const { run, signals, answer } = slow();
  const job = await jobOfOneStep(run);
  const coming = job.come();
  await settle();
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  await cancelJob({ tenant: TENANT, jobId: job.jobId }, "no longer needed", job.runtime);
  expect(signals[0]?.reason).toMatchObject({ name: "CallStoppedError", message: "the job is cancelled" });
  expect(await coming).toEqual({ retryAfterMs: undefined });
  answer();
  await settle();
  expect(await job.types()).toEqual(["job.submitted", "step.requested", "step.started", "job.cancelled"]);
  // Neither a retry nor a dead letter: the first message is the test's.
  expect(await job.engine.queue.stats("only")).toMatchObject({ ready: 1, delayed: 0, deadLetters: 0 });
});

test("an answer that comes in while its job is being cancelled elsewhere is not recorded", async () => {
  const { run, answer } = slow();
  const job = await jobOfOneStep(run);
  const coming = job.come();
  await settle();
  await cancelJob({ tenant: TENANT, jobId: job.jobId }, undefined, job.runtimeOf("api"));
  answer();
  // A conflict is followed by a short wait.
  await job.clock.advance(1_000);
  await coming;
  expect((await job.types()).at(-1)).toBe("job.cancelled");
});

test("a job that is cancelled after a step was claimed ahead, and before its worker came to it, has no call made", async () => {
  const { run, signals } = slow();
  const job = await jobOfOneStep(run);
  const lease = { holder: "worker-1", until: new Date(job.clock.now() + 75_000).toISOString() };
  await job.runtime.writer.update(job.jobId, () => ({
    events: [{ type: "step.started", stepId: "s/0", capability: "only", attempt: 1, lease }],
    result: undefined,
  }));
  const claimedBy = (await job.state()).lastCommitId;
  await cancelJob({ tenant: TENANT, jobId: job.jobId }, undefined, job.runtime);
  expect(await job.come(job.runtime, { claimedBy })).toEqual({ retryAfterMs: undefined });
  expect(signals).toEqual([]);
});

test("a job that is cancelled in the very commit that claims its step has no call made", async () => {
  const { run, signals } = slow();
  const job = await jobOfOneStep(run);
  const coming = job.come();
  // The claim is decided on, and waits for what else may share its commit.
  await Promise.resolve();
  await cancelJob({ tenant: TENANT, jobId: job.jobId }, undefined, job.runtime);
  expect(await job.lastCommit()).toEqual(["step.started", "job.cancelled"]);
  expect(await coming).toEqual({ retryAfterMs: undefined });
  expect(signals).toEqual([]);
});

test("a step that is claimed in the very commit in which another's answer ends the job is not called", async () => {
  const { run, signals, answer } = slow();
  const job = await jobOfOneStep(run, { steps: 2, race: true });
  const winner = job.come(job.runtime, { detail: { ...job.detail, stepIds: ["s/0"] } });
  await settle();
  const loser = job.come(job.runtime, { detail: { ...job.detail, stepIds: ["s/1"] } });
  answer();
  await Promise.all([winner, loser]);
  expect(await job.lastCommit()).toEqual(["step.started", "step.completed", "job.completed"]);
  expect(signals).toHaveLength(1);
});

test("a job that is cancelled while its other steps are put off has its claimed ones stopped", async () => {
  const { run, signals } = slow();
  const job = await jobOfOneStep(run, { steps: 2 });
  const lease = { holder: "worker-0", until: new Date(job.clock.now() + 75_000).toISOString() };
  await job.runtime.writer.update(job.jobId, () => ({
    events: [{ type: "step.started", stepId: "s/0", capability: "only", attempt: 1, lease }],
    result: undefined,
  }));
  const put = Promise.withResolvers<void>();
  const runtime = job.runtimeOf("worker-1");
  const queue = Object.assign(Object.create(runtime.queue), { defer: () => put.promise });
  const coming = job.come({ ...runtime, queue });
  await settle();
  await cancelJob({ tenant: TENANT, jobId: job.jobId }, undefined, runtime);
  put.resolve();
  await settle();
  await coming;
  expect(signals.every(({ aborted }) => aborted)).toBe(true);
});

test("a call whose job was cancelled in another process is stopped when it next looks", async () => {
  const { run, signals } = slow();
  const job = await jobOfOneStep(run);
  const coming = job.come(job.runtimeOf("worker-1", { stopPollMs: 10_000 }));
  await settle();
  await job.clock.advance(10_000);
  expect(signals[0]?.aborted).toBe(false);
  await cancelJob({ tenant: TENANT, jobId: job.jobId }, undefined, job.runtimeOf("api"));
  await job.clock.advance(9_999);
  expect(signals[0]?.aborted).toBe(false);
  await job.clock.advance(1);
  expect(signals[0]?.reason).toMatchObject({ name: "CallStoppedError" });
  await coming;
  // Who has ended looks no more.
  expect(job.clock.nextMs).toBeUndefined();
});

test("a look that fails stops nothing, and the next one is made all the same", async () => {
  const { run, signals } = slow();
  const job = await jobOfOneStep(run);
  const { log } = job.engine;
  let isDown = false;
  const flaky = {
    append: (...commit: Parameters<typeof log.append>) => log.append(...commit),
    tail: (...range: Parameters<typeof log.tail>) => log.tail(...range),
    read: (...range: Parameters<typeof log.read>) =>
      isDown ? Promise.reject(new Error("the log does not answer")) : log.read(...range),
  };
  const coming = job.come(job.runtimeOf("worker-1", { stopPollMs: 10_000, log: flaky }));
  await settle();
  await cancelJob({ tenant: TENANT, jobId: job.jobId }, undefined, job.runtimeOf("api"));
  isDown = true;
  await job.clock.advance(10_000);
  expect(signals[0]?.aborted).toBe(false);
  isDown = false;
  await job.clock.advance(10_000);
  expect(signals[0]?.aborted).toBe(true);
  await coming;
});

test.each([
  ["looks", false],
  ["has something to record", true],
])("a call that another attempt has taken the place of is stopped when it next %s", async (_, streams) => {
  const signals: AbortSignal[] = [];
  const steps: ((text: string) => void)[] = [];
  const job = await jobOfOneStep((_input, step) => {
    signals.push(step.signal);
    steps.push((text) => step.progress(text));
    return signals.length === 1 ? new Promise<never>(() => {}) : { text: "second" };
  });
  // Its own timeout, by its own clock, does not end it: it is a minute slow.
  const { clock } = job;
  const late = {
    now: () => clock.now() - 60_000,
    setTimer: (ms: number, then: () => void) => clock.setTimer(ms, then),
  };
  const first = job.come(
    job.runtimeOf("worker-0", { clock: late, progressFlushMs: 300, ...(streams ? {} : { stopPollMs: 30_000 }) }),
  );
  await settle();
  // Told by its clock, its lease ended a minute ago.
  await clock.advance(20_000);
  expect(signals[0]?.aborted).toBe(false);
  await job.come(job.runtimeOf("worker-2"));
  expect(signals).toHaveLength(2);
  if (streams) steps[0]?.("still here");
  await clock.advance(streams ? 1_000 : 11_000);
  expect(signals[0]?.reason).toMatchObject({ name: "CallStoppedError" });
  await first;
  expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "second" }] });
  expect((await job.events()).filter((event) => event.type === "step.progress")).toEqual([]);
});

test("the end of a worker's time aborts the call, keeps what it had streamed, and gives back what it held", async () => {
  const job = await jobOfOneStep(
    (_, step) => {
      step.progress("half of ");
      step.signal.addEventListener("abort", () => step.progress("the answer"));
      return new Promise<never>(() => {});
    },
    { provider: () => ({ name: "acme:model" }), tenantConcurrency: 1 },
  );
  const runtime = job.runtimeOf("worker-1", { progressFlushMs: 60_000, firstProgressMs: 60_000 });
  const coming = job.come(runtime, { endsAtMs: job.clock.now() + 30_000 });
  await settle();
  const { limits } = job.engine;
  const enter = (id: string) =>
    limits.enter(`only:${TENANT}`, id, { most: 1, nowMs: job.clock.now(), untilMs: job.clock.now() + 1_000 });
  expect(await enter("another")).toBe(false);
  // Ten seconds are left for what there is to record.
  await job.clock.advance(20_000);
  await coming;
  const [progress, failed] = (await job.events()).slice(-2);
  expect(progress).toMatchObject({ type: "step.progress", text: "half of the answer" });
  expect(failed).toMatchObject({ type: "step.failed", counts: false, final: false });
  expect(await enter("another")).toBe(true);
  // Nothing is said of the provider.
  expect(await runtime.gates.view()).toMatchObject([{ name: "acme:model", state: "closed", failures: 0 }]);
  expect((await job.state()).steps.get("s/0")).toMatchObject({ failures: 0, status: "retrying" });
});

test("a call ends with its job's deadline, which ends the job without anybody else", async () => {
  const { run, signals } = slow();
  const job = await jobOfOneStep(run, { submitted: { deadlineMs: 5_000 } });
  const logged: unknown[] = [];
  const logger = { ...job.runtime.logger, warn: (said: string, about: unknown) => logged.push([said, about]) };
  const coming = job.come({ ...job.runtime, logger: logger as never });
  await job.clock.advance(5_000);
  expect(signals[0]?.reason).toMatchObject({ message: expect.stringContaining("its job's time was over") });
  await coming;
  expect((await job.types()).slice(-2)).toEqual(["step.failed", "job.expired"]);
  const failed = (await job.events()).at(-2);
  expect(failed).toMatchObject({ type: "step.failed", counts: false, final: false });
  expect(failed).not.toHaveProperty("retryAt");
  expect(logged).toMatchObject([["step failed", { counts: false, final: false }]]);
  expect(await job.engine.queue.stats("only")).toMatchObject({ ready: 1, delayed: 0, deadLetters: 0 });
});

test("a job whose worker is gone is ended at its deadline, and what the worker says later is not recorded", async () => {
  const { run, answer } = slow();
  const job = await jobOfOneStep(run, { submitted: { deadlineMs: 5_000 } });
  // Its clock stands still, so that nothing ends it.
  const frozen = { now: () => job.clock.now(), setTimer: () => () => {} };
  const coming = job.come(job.runtimeOf("worker-0", { clock: frozen }));
  await settle();
  await job.clock.advance(4_999);
  expect(await reconcile(job.runtime)).toEqual({ jobs: 0 });
  await job.clock.advance(1);
  expect(await reconcile(job.runtime)).toEqual({ jobs: 1 });
  answer();
  await job.clock.advance(1_000);
  await settle();
  expect((await job.types()).at(-1)).toBe("job.expired");
  expect(await reconcile(job.runtime)).toEqual({ jobs: 0 });
  void coming;
});
