import { expect, test } from "vitest";
import { z } from "zod";
import { reconcile } from "../../../lambdas/reconciler/reconciler.ts";
import type { EventBody, EventOf } from "../../../src/contract/events.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { createRuntime, type Runtime } from "../../../src/core/runtime.ts";
import { brokenInvariants } from "../../../src/testing/check-log.ts";
import { jobOfOneStep, type Run } from "./job-of-one-step.ts";

/** What becomes of steps whose capability a deployment has taken away, or given another name. */

const LEASE_MS = 315_000;
const SKEW_MS = 10_000;
const about = { stepId: "s/0", capability: "only", attempt: 1 };

/** A job of one long step in an old deployment, and the reconciler of a new one. */
async function atADeployment(run: Run = (input) => input, isGone: (holder: string) => boolean = () => false) {
  const job = await jobOfOneStep(run, { timeoutMs: 300_000 });
  const other = defineCapability({ name: "other", input: z.json(), output: z.json(), run: (input) => input });
  const flow = defineWorkflow({
    name: "flow",
    input: z.json(),
    output: z.json(),
    run: (workflow, input) => workflow.step("s/0", other, input),
  });
  const next: Runtime = createRuntime(
    { ...job.engine, holder: "new", deploySeq: 2, isGone },
    {
      app: defineApp({ workflows: [flow], capabilities: [other] }),
      resources: {} as Resources,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      maxSkewMs: SKEW_MS,
    },
  );
  return {
    job,
    next,
    /** A worker of the old deployment takes the step, records this, and is lost. */
    async takenAndLost(...progress: EventBody[]) {
      const lease = { holder: "worker-1", until: new Date(job.clock.now() + LEASE_MS).toISOString() };
      const events: EventBody[] = [{ type: "step.started", ...about, lease }, ...progress];
      await job.runtime.writer.update(job.jobId, () => ({ events, result: undefined }));
    },
  };
}

const progress = (clock: { now(): number }, more: Partial<EventOf<"step.progress">>): EventBody => ({
  ...about,
  type: "step.progress",
  offset: 0,
  leaseUntil: new Date(clock.now() + LEASE_MS).toISOString(),
  ...more,
});

test("a step is its holder's while that has its lease, and what it records counts", async () => {
  const answer = Promise.withResolvers<{ text: string }>();
  const { job, next } = await atADeployment(() => answer.promise);
  const coming = job.come();
  await job.clock.advance(61_000);
  await reconcile(next);
  answer.resolve({ text: "paid for" });
  await job.clock.advance(1_000);
  await coming;
  expect((await job.state()).steps.get("s/0")).toMatchObject({ status: "completed", result: { text: "paid for" } });
  expect(await job.types()).not.toContain("step.dead_lettered");
});

test("a step whose holder was lost is set aside when nobody can hold it any more, and its call is told to be in doubt", async () => {
  const { job, next, takenAndLost } = await atADeployment();
  await takenAndLost(progress(job.clock, { text: "so far" }));
  const before = await job.types();
  for (let waitedMs = 0; waitedMs < LEASE_MS + 2 * SKEW_MS; waitedMs += 5_000) {
    await reconcile(next);
    expect(await job.types()).toEqual(before);
    await job.clock.advance(5_000);
  }
  await job.clock.advance(900_000);
  await reconcile(next);
  const events = await job.events();
  expect(events.slice(-2)).toMatchObject([
    { type: "step.in_doubt", stepId: "s/0", attempt: 1, policy: "hold", streamed: 6 },
    { type: "step.dead_lettered", stepId: "s/0", attempt: 1, error: { name: "UnknownCapabilityError" } },
  ]);
  expect(brokenInvariants(events, new Map())).toEqual([]);
});

test("a step whose holder is known to be dead is set aside without waiting for its lease", async () => {
  const { job, next, takenAndLost } = await atADeployment(undefined, (holder) => holder === "worker-1");
  await takenAndLost();
  await job.clock.advance(61_000);
  await reconcile(next);
  expect((await job.types()).slice(-2)).toEqual(["step.in_doubt", "step.dead_lettered"]);
});

test("a step whose whole answer is on record is set aside as failed, not as in doubt, and its usage is counted", async () => {
  const { job, next, takenAndLost } = await atADeployment(undefined, () => true);
  const usage = { inputTokens: 3 };
  await takenAndLost(progress(job.clock, { text: "all of it", final: true, output: { text: "all of it" }, usage }));
  await job.clock.advance(61_000);
  await reconcile(next);
  const events = await job.events();
  expect(events.slice(-2)).toMatchObject([
    { type: "step.failed", final: true, error: { name: "UnknownCapabilityError" }, usage },
    { type: "step.dead_lettered" },
  ]);
  expect(brokenInvariants(events, new Map())).toEqual([]);
  expect(await job.state()).toMatchObject({ status: "dead-lettered", usage });
});

test("a step that nobody has taken yet is set aside, and was never in doubt", async () => {
  const { job, next } = await atADeployment();
  await job.clock.advance(61_000);
  await reconcile(next);
  expect((await job.types()).slice(-2)).toEqual(["step.requested", "step.dead_lettered"]);
});
