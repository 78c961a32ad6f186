import { expect, test } from "vitest";
import { settle } from "../../../src/testing/virtual-clock.ts";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

/** What a queue that takes no message does to the steps that a worker holds. */

const refuses = () => Promise.reject(new Error("the queue does not answer"));

/** Two steps: `s/0` is worked on by another process, and the message that names both comes to a worker whose queue fails. */
async function besideOneThatIsHeld(fails: "defer" | "deadLetter", lease: { holder: string; untilMs: number }) {
  const called: string[] = [];
  const job = await jobOfOneStep(
    (input, { stepId }) => {
      called.push(stepId);
      return input;
    },
    { steps: 2, tenantConcurrency: 1, onInDoubt: "hold" },
  );
  await job.runtime.writer.update(job.jobId, () => ({
    events: [
      {
        type: "step.started",
        stepId: "s/0",
        capability: "only",
        attempt: 1,
        lease: { holder: lease.holder, until: new Date(lease.untilMs).toISOString() },
      },
    ],
    result: undefined,
  }));
  const runtime = job.runtimeOf("worker-2");
  const queue = Object.assign(Object.create(runtime.queue), { [fails]: refuses });
  return { job, called, runtime: { ...runtime, queue } };
}

test.each([
  ["put off", "defer", 75_000],
  ["given up", "deadLetter", -1],
] as const)(
  "a step is called, recorded and holds nothing although another's message could not be %s",
  async (_, fails, leftMs) => {
    const nowMs = Date.UTC(2030, 0, 1);
    const { job, called, runtime } = await besideOneThatIsHeld(fails, { holder: "worker-1", untilMs: nowMs + leftMs });
    await expect(job.come(runtime)).rejects.toThrow("the queue does not answer");
    expect(called).toEqual(["s/1"]);
    expect((await job.state()).steps.get("s/1")?.status).toBe("completed");
    const entry = { most: 1, nowMs: job.clock.now(), untilMs: job.clock.now() + 1_000 };
    expect(await job.engine.limits.enter(`only:${TENANT}`, "another", entry)).toBe(true);
    // The message that comes again makes good what was not sent.
    await job.come(job.runtime);
    await settle();
    const { delayed, deadLetters } = await job.engine.queue.stats("only");
    expect(fails === "defer" ? delayed : deadLetters).toBe(1);
    expect(called).toEqual(["s/1"]);
  },
);
