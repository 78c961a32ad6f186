import { expect, test } from "vitest";
import { cancelJob, discardDeadLetters, redriveJob } from "../../../lambdas/commands/commands.ts";
import { reconcile } from "../../../lambdas/reconciler/reconciler.ts";
import type { TenantId } from "../../../src/contract/ids.ts";
import type { EventLog } from "../../../src/core/ports.ts";
import { TerminalError } from "../../../src/core/retry.ts";
import type { Runtime } from "../../../src/core/runtime.ts";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A job with a dead letter on which nobody has decided for two days, and an engine that may end between a commit and its effects. */
async function forgotten() {
  const job = await jobOfOneStep(() => {
    throw new TerminalError("hopeless");
  });
  await job.come();
  const wakeAtMs = async () => (await job.engine.index.list({ tenant: TENANT, limit: 1 })).jobs[0]?.wakeAtMs ?? 0;
  while (job.clock.now() < Date.parse((await job.state()).createdAt) + 2 * DAY_MS) {
    await job.clock.advance(Math.max(MINUTE_MS, (await wakeAtMs()) - job.clock.now()));
    await reconcile(job.runtime);
  }
  const log: EventLog = {
    read: (...range) => job.engine.log.read(...range),
    tail: (...range) => job.engine.log.tail(...range),
    append: (commit) => job.engine.log.append(commit),
  };
  const runtime: Runtime = job.runtimeOf("api", { log, atomicEffects: false });
  return { ...job, runtime, worker: job.runtime, wakeAtMs, of: { tenant: TENANT, jobId: job.jobId } };
}

type Forgotten = Awaited<ReturnType<typeof forgotten>>;

test.each([
  ["tried again", ({ of, runtime }: Forgotten) => redriveJob(of, {}, runtime)],
  ["answered", ({ of, runtime }: Forgotten) => redriveJob(of, { stepId: "s/0", result: { text: "by hand" } }, runtime)],
  ["given up", ({ of, runtime }: Forgotten) => discardDeadLetters(of, { reason: "no use" }, runtime)],
])(
  "a job that has waited for a person for days is looked at soon after its step is %s, whatever becomes of the messages",
  async (_, decide) => {
    const job = await forgotten();
    expect((await job.wakeAtMs()) - job.clock.now()).toBeGreaterThan(10 * MINUTE_MS);
    await decide(job);
    expect((await job.wakeAtMs()) - job.clock.now()).toBeLessThanOrEqual(MINUTE_MS);
  },
);

test("a job whose dead letter is moved back to its queue after days is looked at soon", async () => {
  const job = await forgotten();
  const seq = (await job.state()).steps.get("s/0")?.deadLettered?.seq ?? 0;
  await job.come(job.worker, { detail: { ...job.detail, seq } });
  expect((await job.types()).slice(-5)).toContain("step.redriven");
  expect((await job.wakeAtMs()) - job.clock.now()).toBeLessThanOrEqual(MINUTE_MS);
});

test("who may decide nothing wakes nobody", async () => {
  const job = await forgotten();
  const before = await job.wakeAtMs();
  await expect(redriveJob({ ...job.of, tenant: "other" as TenantId }, {}, job.runtime)).rejects.toThrow();
  await redriveJob(job.of, { seq: 1 }, job.runtime);
  expect(await job.wakeAtMs()).toBe(before);
  await cancelJob(job.of, undefined, job.runtime);
  await expect(redriveJob(job.of, {}, job.runtime)).rejects.toThrow();
});
