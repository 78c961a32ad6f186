import { describe, expect, test } from "vitest";
import { redriveJob } from "../../../lambdas/commands/commands.ts";
import type { StepContext } from "../../../src/core/define-capability.ts";
import { settle } from "../../../src/testing/virtual-clock.ts";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

/** Calls that we end before they do: nobody knows what has become of them. */

/** A call that never comes back by itself; how often it was made. */
function endless() {
  const calls: number[] = [];
  return {
    calls,
    run: (_: unknown, { attempt }: { readonly attempt: number }) => {
      calls.push(attempt);
      return new Promise<never>(() => {});
    },
  };
}

/** A provider that keeps the answer of a call which never comes back, and what it was asked in turn. */
function keeping(usage?: { inputTokens: number }) {
  const calls: string[] = [];
  return {
    calls,
    run: async (_: unknown, step: StepContext) => {
      calls.push("run");
      if (usage) step.usage(usage);
      await step.keptAs("resp-1");
      await new Promise<never>(() => {});
    },
    reattach(id: string) {
      calls.push(id);
      return { text: "kept" };
    },
  };
}

/** Its message comes, and so much time passes meanwhile. */
async function come(job: Awaited<ReturnType<typeof jobOfOneStep>>, ms: number): Promise<void> {
  const coming = job.come();
  await job.clock.advance(ms);
  await coming;
}

const HELD = [
  { type: "step.in_doubt", attempt: 1, policy: "hold" },
  { type: "step.dead_lettered", attempt: 1, error: { name: "InDoubtError" } },
];

describe("a call of a capability that holds what is in doubt", () => {
  test("that runs into its timeout waits for a person, with what it may have used on record", async () => {
    const { run, calls } = endless();
    const usage = { inputTokens: 7, outputTokens: 9 };
    const job = await jobOfOneStep(run, { onInDoubt: "hold", timeoutMs: 5_000, estimateUsage: () => usage });
    const coming = job.come();
    await job.clock.advance(5_000);
    expect(await coming).toEqual({ retryAfterMs: undefined });
    expect((await job.events()).slice(-2)).toMatchObject([
      { ...HELD[0], estimate: usage },
      { ...HELD[1], error: { cause: { name: "TimeoutError" } } },
    ]);
    const { status, usageInDoubt, seq } = await job.state();
    expect({ status, usageInDoubt }).toEqual({ status: "dead-lettered", usageInDoubt: usage });
    expect(await job.engine.queue.deadLetters("only", 10)).toMatchObject([{ seq }]);
    expect(calls).toEqual([1]);
  });

  test("that its worker's end cuts off waits for a person", async () => {
    const { run, calls } = endless();
    const job = await jobOfOneStep(run, { onInDoubt: "hold" });
    const coming = job.come(job.runtime, { endsAtMs: job.clock.now() + 20_000 });
    await job.clock.advance(10_000);
    expect(await coming).toEqual({ retryAfterMs: undefined });
    expect((await job.events()).slice(-2)).toMatchObject([
      HELD[0],
      { ...HELD[1], error: { cause: { name: "ThrottledError" } } },
    ]);
    expect(calls).toEqual([1]);
  });

  test("that was not made for want of time is made by the next worker", async () => {
    const { run, calls } = endless();
    const job = await jobOfOneStep(run, { onInDoubt: "hold" });
    await job.come(job.runtime, { endsAtMs: job.clock.now() + 10_000 });
    expect(calls).toEqual([]);
    expect((await job.state()).status).toBe("running");
    await job.clock.advance(1_000);
    void job.come();
    await settle();
    expect(calls).toEqual([2]);
  });

  test("that fails by itself is tried again", async () => {
    const calls: number[] = [];
    const job = await jobOfOneStep(
      (input, { attempt }) => {
        calls.push(attempt);
        if (attempt === 1) throw new Error("503");
        return input;
      },
      { onInDoubt: "hold", retry: { baseDelayMs: 1, maxDelayMs: 1 } },
    );
    await job.come();
    await job.clock.advance(10);
    await job.come();
    expect((await job.state()).status).toBe("completed");
    expect(calls).toEqual([1, 2]);
  });

  test("whose provider keeps the answer is asked for that, and no person", async () => {
    const { run, reattach, calls } = keeping();
    const retry = { baseDelayMs: 1, maxDelayMs: 1 };
    const job = await jobOfOneStep(run, { onInDoubt: "hold", timeoutMs: 5_000, retry, reattach });
    await come(job, 10_000);
    await come(job, 1_000);
    expect(calls).toEqual(["run", "resp-1"]);
    expect((await job.state()).status).toBe("completed");
  });

  test.each(["dead-letter", "throw"] as const)(
    "whose provider keeps the answer and does not give it waits for a person in the end (%s)",
    async (onExhausted) => {
      const usage = { inputTokens: 3 };
      const { run, reattach, calls } = keeping(usage);
      const retry = { maxAttempts: 1 };
      const job = await jobOfOneStep(run, { onInDoubt: "hold", onExhausted, timeoutMs: 5_000, retry, reattach });
      await come(job, 10_000);
      expect((await job.events()).slice(-2)).toMatchObject([{ ...HELD[0], estimate: usage }, HELD[1]]);
      // A person's redrive asks for the answer first.
      await redriveJob({ tenant: TENANT, jobId: job.jobId }, { stepId: "s/0" }, job.runtime);
      await come(job, 1_000);
      expect(calls).toEqual(["run", "resp-1"]);
    },
  );

  test("at its job's deadline ends with the job", async () => {
    const { run } = endless();
    const job = await jobOfOneStep(run, { onInDoubt: "hold", submitted: { deadlineMs: 5_000 } });
    const coming = job.come();
    await job.clock.advance(5_000);
    await coming;
    expect((await job.types()).slice(-2)).toEqual(["step.failed", "job.expired"]);
  });
});

test("a timeout that gives a step up does not make it forget the answer that its provider keeps", async () => {
  const { run, reattach, calls } = keeping();
  const job = await jobOfOneStep(run, { timeoutMs: 5_000, retry: { maxAttempts: 1 }, reattach });
  await come(job, 10_000);
  expect((await job.state()).steps.get("s/0")?.error?.name).toBe("TimeoutError");
  await redriveJob({ tenant: TENANT, jobId: job.jobId }, { stepId: "s/0" }, job.runtime);
  await come(job, 1_000);
  expect(calls).toEqual(["run", "resp-1"]);
});

test("other calls that run into their timeout are tried again", async () => {
  const { run, calls } = endless();
  const job = await jobOfOneStep(run, { timeoutMs: 5_000, retry: { baseDelayMs: 1, maxDelayMs: 1 } });
  const coming = job.come();
  await job.clock.advance(5_000);
  expect((await coming).retryAfterMs).toBeLessThanOrEqual(1);
  await job.clock.advance(10);
  void job.come();
  await settle();
  expect(calls).toEqual([1, 2]);
});
