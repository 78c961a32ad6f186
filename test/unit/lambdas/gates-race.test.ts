import { expect, test } from "vitest";
import { ThrottledError } from "../../../src/core/retry.ts";
import { MemoryLimits } from "../../../src/engines/embedded/memory-limits.ts";
import { jobOfOneStep } from "./job-of-one-step.ts";

test("a step whose wait ends while another of its message is at the gates is not called past them", async () => {
  const calls: string[] = [];
  const job = await jobOfOneStep(
    (input, { stepId, attempt }) => {
      calls.push(`${stepId}#${attempt}`);
      if (calls.length === 1) throw new ThrottledError("come again", 1_000);
      return input;
    },
    { steps: 2, tenantConcurrency: 1, retry: { baseDelayMs: 0 } },
  );
  const { engine, clock, detail } = job;
  await job.come(job.runtime, { detail: { ...detail, stepIds: ["s/1"] } });
  expect((await job.state()).steps.get("s/1")?.status).toBe("retrying");

  class SlowLimits extends MemoryLimits {
    override async enter(...entry: Parameters<MemoryLimits["enter"]>): Promise<boolean> {
      await clock.advance(1_500);
      return super.enter(...entry);
    }
  }
  await job.come(job.runtimeOf("worker-2", { limits: new SlowLimits() }));
  expect(calls).toEqual(["s/1#1", "s/0#1"]);
  expect((await job.state()).steps.get("s/1")).toMatchObject({ status: "retrying", attempt: 1 });

  // Its message comes again at once, and asks.
  const waiting = await engine.queue.receive("only", 10, 60_000);
  expect(waiting.map(({ message }) => message.detail.stepIds)).toContainEqual(["s/1"]);
  await job.come(job.runtime, { detail: { ...detail, stepIds: ["s/1"] } });
  expect(calls.at(-1)).toBe("s/1#2");
});
