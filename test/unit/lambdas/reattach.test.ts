import { expect, test } from "vitest";
import { redriveJob } from "../../../lambdas/commands/commands.ts";
import { getJob } from "../../../lambdas/jobs/jobs.ts";
import { ThrottledError } from "../../../src/core/retry.ts";
import { settle } from "../../../src/testing/virtual-clock.ts";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

/** A provider that keeps its answers: how often it has inferred, and what it was asked for by id. */
function keeping({ failsWith }: { readonly failsWith?: (asked: number) => unknown } = {}) {
  const calls: string[] = [];
  const asked: string[] = [];
  const kept = new Map<string, string>();
  let answers = false;
  return {
    calls,
    asked,
    kept,
    /** Calls from now on come back; those before never do. */
    answer() {
      answers = true;
    },
    capability: {
      reattach(id: string): { text: string } | undefined {
        asked.push(id);
        const error = failsWith?.(asked.length);
        if (error !== undefined) throw error;
        const text = kept.get(id);
        return text === undefined ? undefined : { text };
      },
    },
    async run(_: unknown, step: { keptAs(id: string): Promise<void> }): Promise<{ text: string }> {
      const id = `resp-${calls.length + 1}`;
      calls.push(id);
      kept.set(id, `answer of ${id}`);
      await step.keptAs(id);
      if (!answers) await new Promise<never>(() => {});
      return { text: `answer of ${id}` };
    },
  };
}

type Job = Awaited<ReturnType<typeof jobOfOneStep>>;
const LEASE_MS = 75_000;

/** A process that takes the step, and in which nothing goes on any more after `dies`. */
async function comesAndDies(job: Job, holder: string): Promise<void> {
  const dead = job.runtimeOf(holder, { clock: { now: () => job.clock.now(), setTimer: () => () => {} } });
  void job.come(dead);
  await settle();
  await job.clock.advance(LEASE_MS);
}

/** Its message comes; a conflict with what another process has written is followed by a short wait. */
async function comes(job: Job): Promise<void> {
  const coming = job.come();
  await job.clock.advance(1_000);
  await coming;
}

test("after a crash the provider is asked for its answer by id: no second inference, and the log says so", async () => {
  const provider = keeping();
  const job = await jobOfOneStep(provider.run, provider.capability);
  await comesAndDies(job, "worker-0");
  await comes(job);
  expect(provider).toMatchObject({ calls: ["resp-1"], asked: ["resp-1"] });
  expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "answer of resp-1" }] });
  expect((await job.events()).slice(-4)).toMatchObject([
    { type: "step.in_doubt", attempt: 1, policy: "reattach" },
    { type: "step.started", attempt: 2 },
    { type: "step.completed", attempt: 2 },
    { type: "job.completed" },
  ]);
});

test("an id is on record when its capability goes on, so that no crash after that can lose it", async () => {
  let told = false;
  const job = await jobOfOneStep(async (input, step) => {
    await step.keptAs("resp-1");
    told = (await job.state()).steps.get("s/0")?.keptAs === "resp-1";
    return input;
  });
  await comes(job);
  expect(told).toBe(true);
});

test("an answer that is gone is asked for anew, under a new id", async () => {
  const provider = keeping();
  const job = await jobOfOneStep(provider.run, provider.capability);
  await comesAndDies(job, "worker-0");
  provider.kept.clear();
  provider.answer();
  await comes(job);
  expect(provider).toMatchObject({ calls: ["resp-1", "resp-2"], asked: ["resp-1"] });
  expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "answer of resp-2" }] });
});

test.each(["rerun", "hold"] as const)(
  "a second crash, while the answer was asked for, asks once more (%s)",
  async (onInDoubt) => {
    const provider = keeping();
    const { reattach } = provider.capability;
    let stuck = true;
    const job = await jobOfOneStep(provider.run, {
      onInDoubt,
      reattach: (id) => (stuck ? new Promise<never>(() => reattach(id)) : reattach(id)),
    });
    await comesAndDies(job, "worker-0");
    await comesAndDies(job, "worker-1");
    stuck = false;
    await comes(job);
    expect(provider).toMatchObject({ calls: ["resp-1"], asked: ["resp-1", "resp-1"] });
    expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "answer of resp-1" }] });
  },
);

test("an answer that is gone is held, and not asked for anew, where calls in doubt are held", async () => {
  const provider = keeping();
  const job = await jobOfOneStep(provider.run, { ...provider.capability, onInDoubt: "hold", onExhausted: "throw" });
  await comesAndDies(job, "worker-0");
  provider.kept.clear();
  provider.answer();
  await comes(job);
  expect(provider).toMatchObject({ calls: ["resp-1"], asked: ["resp-1"] });
  expect((await job.events()).slice(-2)).toMatchObject([
    { type: "step.failed", error: { name: "InDoubtError", message: expect.stringContaining("resp-1") } },
    { type: "step.dead_lettered" },
  ]);
});

test.each([
  ["a person", {}, { calls: ["resp-1"], asked: ["resp-1"] }, "answer of resp-1"],
  [
    "a person, with another input",
    { input: { text: "new" } },
    { calls: ["resp-1", "resp-2"], asked: [] },
    "answer of resp-2",
  ],
])("a step that is held after too many calls in doubt, tried again by %s", async (_, edit, asked, text) => {
  const provider = keeping();
  const job = await jobOfOneStep(provider.run, { ...provider.capability, maxReruns: 0 });
  await comesAndDies(job, "worker-0");
  await comes(job);
  expect((await job.events()).at(-1)).toMatchObject({ type: "step.dead_lettered", error: { name: "InDoubtError" } });
  provider.answer();
  await redriveJob({ tenant: TENANT, jobId: job.jobId }, edit, job.runtime);
  await comes(job);
  expect(provider).toMatchObject(asked);
  expect(await job.state()).toMatchObject({ status: "completed", output: [{ text }] });
});

test("a dead letter that is moved back to its queue is asked for by id, too", async () => {
  const provider = keeping();
  const job = await jobOfOneStep(provider.run, { ...provider.capability, maxReruns: 0 });
  await comesAndDies(job, "worker-0");
  await comes(job);
  const seq = (await job.state()).steps.get("s/0")?.deadLettered?.seq ?? 0;
  await job.come(job.runtime, { detail: { ...job.detail, seq } });
  expect(provider).toMatchObject({ calls: ["resp-1"], asked: ["resp-1"] });
  expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "answer of resp-1" }] });
});

test.each([
  ["rerun", "asks to wait", () => new ThrottledError("slow down", 1_000)],
  ["rerun", "breaks off", () => new Error("broke off")],
  ["hold", "asks to wait", () => new ThrottledError("slow down", 1_000)],
  ["hold", "breaks off", () => new Error("broke off")],
] as const)(
  "a provider that %s: %s when it is asked for its answer is asked again, and not called",
  async (onInDoubt, _, error) => {
    const provider = keeping({ failsWith: (asked) => (asked <= 2 ? error() : undefined) });
    const job = await jobOfOneStep(provider.run, { ...provider.capability, onInDoubt });
    await comesAndDies(job, "worker-0");
    for (let n = 0; n < 3; n++) {
      await comes(job);
      await job.clock.advance(600_000);
    }
    expect(provider).toMatchObject({ calls: ["resp-1"], asked: ["resp-1", "resp-1", "resp-1"] });
    expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "answer of resp-1" }] });
  },
);

test("a call that the end of its worker's time has cut off is asked for by id, and not made again", async () => {
  const provider = keeping();
  const job = await jobOfOneStep(provider.run, provider.capability);
  const coming = job.come(job.runtime, { endsAtMs: job.clock.now() + 30_000 });
  await job.clock.advance(20_000);
  await coming;
  expect((await job.events()).at(-1)).toMatchObject({ type: "step.failed", counts: false });
  await job.clock.advance(600_000);
  await comes(job);
  expect(provider).toMatchObject({ calls: ["resp-1"], asked: ["resp-1"] });
  expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "answer of resp-1" }] });
});

test("a person who tries a step again whose answer could not be had has it called anew", async () => {
  const provider = keeping({ failsWith: () => new Error("not allowed") });
  const job = await jobOfOneStep(provider.run, {
    ...provider.capability,
    onInDoubt: "hold",
    retry: { maxAttempts: 2 },
  });
  await comesAndDies(job, "worker-0");
  for (let n = 0; n < 2; n++) {
    await comes(job);
    await job.clock.advance(600_000);
  }
  expect((await job.state()).status).toBe("dead-lettered");
  provider.answer();
  await redriveJob({ tenant: TENANT, jobId: job.jobId }, {}, job.runtime);
  await comes(job);
  expect(provider).toMatchObject({ calls: ["resp-1", "resp-2"], asked: ["resp-1", "resp-1"] });
  expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "answer of resp-2" }] });
});

test("a call that has failed is made again: its provider keeps no answer worth asking for", async () => {
  const asked: string[] = [];
  let calls = 0;
  const job = await jobOfOneStep(
    async (_, step) => {
      calls += 1;
      await step.keptAs(`resp-${calls}`);
      if (calls === 1) throw new Error("the model failed");
      return { text: "second" };
    },
    {
      reattach(id) {
        asked.push(id);
        return { text: "what had failed" };
      },
    },
  );
  await comes(job);
  await job.clock.advance(600_000);
  await comes(job);
  expect(asked).toEqual([]);
  expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "second" }] });
});

test("calls that are lost again and again are given up after maxReruns, with what they may have cost on record", async () => {
  let calls = 0;
  const job = await jobOfOneStep(
    (_, step) => {
      calls += 1;
      step.progress("half ");
      return new Promise<never>(() => {});
    },
    {
      maxReruns: 2,
      estimateUsage: ({ text }, streamed) => ({ inputTokens: text.length, outputTokens: streamed.length }),
    },
  );
  for (let n = 0; n < 3; n++) {
    const runtime = job.runtimeOf(`worker-${n}`, { progressFlushMs: 100 });
    let isAlive = true;
    const clock = {
      now: () => job.clock.now(),
      setTimer: (ms: number, then: () => void) => job.clock.setTimer(ms, () => isAlive && then()),
    };
    void job.come(job.runtimeOf(runtime.holder, { clock, progressFlushMs: 100 }));
    await job.clock.advance(200);
    isAlive = false;
    await job.clock.advance(LEASE_MS);
  }
  await comes(job);
  expect(calls).toBe(3);
  const doubts = (await job.events()).filter((event) => event.type === "step.in_doubt");
  expect(doubts).toMatchObject([
    { attempt: 1, policy: "rerun", streamed: 5, estimate: { inputTokens: 2, outputTokens: 5 } },
    { attempt: 2, policy: "rerun", streamed: 5, estimate: { inputTokens: 2, outputTokens: 5 } },
    { attempt: 3, policy: "hold", streamed: 5, estimate: { inputTokens: 2, outputTokens: 5 } },
  ]);
  const view = await getJob(TENANT, job.jobId, job.runtime);
  expect(view).toMatchObject({ status: "dead-lettered", usageInDoubt: { inputTokens: 6, outputTokens: 15 } });
  expect(view.usage).toEqual({});
  expect(await job.engine.queue.deadLetters("only", 10)).toMatchObject([
    { reason: "3 attempts ended without an outcome" },
  ]);
});

test.each([
  [
    "throws",
    () => {
      throw new Error("no price");
    },
  ],
  ["is no usage", () => ({ inputTokens: "many" }) as never],
  ["knows nothing", () => undefined],
])("an estimate that %s keeps no step from being worked on", async (_, estimateUsage) => {
  const provider = keeping();
  const job = await jobOfOneStep(provider.run, { estimateUsage });
  await comesAndDies(job, "worker-0");
  provider.answer();
  await comes(job);
  const state = await job.state();
  expect(state.status).toBe("completed");
  expect(state.usageInDoubt).toEqual({});
  expect(state.steps.get("s/0")?.doubts).toBe(1);
});

test("text that was streamed before an id is told again is on record", async () => {
  let calls = 0;
  const job = await jobOfOneStep(
    async (input, step) => {
      calls += 1;
      if (calls > 1) step.progress("hello ");
      await step.keptAs("resp-1");
      if (calls === 1) await new Promise<never>(() => {});
      step.progress("world");
      return input;
    },
    { timeoutMs: 5_000, retry: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 1 }, reattach: () => undefined },
  );
  for (let messages = 0; messages < 2; messages++) {
    const coming = job.come();
    await job.clock.advance(10_000);
    await coming;
  }
  const told = (await job.events()).filter((event) => event.type === "step.progress" && event.attempt === 2);
  expect(told.map((event) => (event.type === "step.progress" ? event.text : "")).join("")).toBe("hello world");
});
