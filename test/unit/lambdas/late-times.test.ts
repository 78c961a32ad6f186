import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { waitsOf } from "../../../lambdas/reconciler/waits.ts";
import { submit } from "../../../lambdas/submit/submit.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { readState } from "../../../src/core/read-job.ts";
import type { Resources } from "../../../src/core/resources.ts";
import type { Runtime } from "../../../src/core/runtime.ts";
import { startEmbedded } from "../../../src/host/host.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";

/** Jobs that wait for times further ahead than a message can be sent: nothing but the reconciler wakes them. */

const Text = z.object({ text: z.string() });
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NAP_MS = 20 * MINUTE_MS;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A whole embedded Sluice, whose time passes as told. Its only capability takes `callMs`, for two calls at once. */
function sluice(callMs = 10 * MINUTE_MS) {
  const clock = new VirtualClock();
  const pause = (ms: number) => new Promise<void>((resolve) => clock.setTimer(ms, resolve));
  const slow = defineCapability({
    name: "slow",
    input: Text,
    output: Text,
    concurrency: 2,
    batchSize: 1,
    timeoutMs: 14 * MINUTE_MS,
    retry: { maxAttempts: 15, baseDelayMs: 10, maxDelayMs: 10 },
    async run(input, step) {
      for (let passedMs = 0; passedMs < callMs; passedMs += 10_000) {
        step.progress(".");
        await pause(10_000);
      }
      if (input.text === "fails") throw new Error("once more");
      return input;
    },
  });
  const flow = (name: string, run: Parameters<typeof defineWorkflow<string, typeof Text, typeof Text>>[0]["run"]) =>
    defineWorkflow({ name, input: Text, output: Text, run });
  const app = defineApp({
    capabilities: [slow],
    workflows: [
      flow("busy", (job, input) => job.step("only", slow, input)),
      flow("sleeps", async (job, input) => {
        await job.sleep("nap", input.text === "long" ? 48 * HOUR_MS : NAP_MS);
        return input;
      }),
      flow("gives-up", (job, input) =>
        Promise.race([job.step("only", slow, input), job.sleep("patience", NAP_MS).then(() => ({ text: "gave up" }))]),
      ),
    ],
  });
  const embedded = startEmbedded({ app, resources: {} as Resources, logger: silent, dataDir: undefined, clock });
  open.push(async () => void (await embedded.close(0)));
  const { runtime } = embedded;
  async function start(workflow: string, { text = "in", tenant = "quiet" } = {}) {
    const request = { workflow, input: { text } };
    const of = { tenant: tenant as TenantId, request, idempotencyKey: undefined, traceparent: undefined };
    const jobId = (await submit(of, runtime)).job.id as JobId;
    return { jobId, state: () => readState(runtime, jobId) };
  }
  /** Lets minutes pass until the job has ended, and says how many. */
  async function endOf({ state }: Awaited<ReturnType<typeof start>>, most: number): Promise<number> {
    for (let minutes = 0; minutes <= most; minutes++) {
      if ((await state())?.status !== "running") return minutes;
      await clock.advance(MINUTE_MS);
    }
    return Number.POSITIVE_INFINITY;
  }
  return { clock, runtime, start, endOf };
}

describe("a time of a job is met", () => {
  test("however old another tenant's backlog is, elsewhere", async () => {
    const { clock, start, endOf } = sluice();
    for (let n = 0; n < 60; n++) await start("busy", { tenant: "loud" });
    await settle();
    await clock.advance(2 * HOUR_MS);
    expect(await endOf(await start("sleeps"), 60)).toBeLessThanOrEqual(21);
  });

  test("while another step of the job streams and fails and is tried again", async () => {
    const { start, endOf } = sluice();
    const job = await start("gives-up", { text: "fails" });
    expect(await endOf(job, 60)).toBeLessThanOrEqual(21);
    expect((await job.state())?.output).toEqual({ text: "gave up" });
  });
});

test("a job that sleeps for two days is looked at a few times, not each quarter of an hour", async () => {
  const { clock, runtime, start } = sluice();
  const looks = vi.spyOn(runtime.index, "change");
  const { state } = await start("sleeps", { text: "long" });
  await clock.advance(47 * HOUR_MS);
  expect((await state())?.status).toBe("running");
  expect(looks.mock.calls.length).toBeGreaterThan(5);
  expect(looks.mock.calls.length).toBeLessThanOrEqual(14);
  await clock.advance(HOUR_MS + MINUTE_MS);
  expect((await state())?.status).toBe("completed");
});

test("what waits may be late for twice the age of its own queue, for an hour at most; workflows wait for no queue", async () => {
  const { runtime } = sluice();
  const ageMs: Record<string, number | undefined> = {
    old: 5 * HOUR_MS,
    slow: 3 * MINUTE_MS,
    fast: 0,
    secret: undefined,
  };
  const app = { capabilities: new Map(Object.keys(ageMs).map((name) => [name, {}])) };
  const backlog = async (name: string) => ({ ready: 1, oldestAgeMs: ageMs[name] });
  const { stepMs, advanceMs } = await waitsOf({ ...runtime, app, queue: { backlog } } as unknown as Runtime);
  const minutes = [...Object.keys(ageMs), "gone"].map((name) => [name, stepMs(name) / MINUTE_MS]);
  expect(Object.fromEntries(minutes)).toEqual({ old: 60, slow: 6, fast: 1, secret: 15, gone: 1 });
  expect(advanceMs).toBe(MINUTE_MS);
});
