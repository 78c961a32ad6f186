import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { getCapabilities } from "../../../lambdas/capabilities/capabilities.ts";
import { submit } from "../../../lambdas/submit/submit.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { type AppOptions, defineApp } from "../../../src/core/define-app.ts";
import { type CapabilityOptions, defineCapability, type StepContext } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { readState } from "../../../src/core/read-job.ts";
import { ThrottledError } from "../../../src/core/retry.ts";
import type { MetricDimensions } from "../../../src/core/runtime.ts";
import { noDocuments } from "../../../src/corpus/no-documents.ts";
import { startEmbedded } from "../../../src/host/host.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Text = z.object({ text: z.string() });
type Options = CapabilityOptions<"call", typeof Text, typeof Text>;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** An engine whose one capability has gates; each job is one call of it. */
function start(capability: Partial<Options>, options: Partial<AppOptions> = {}) {
  const clock = new VirtualClock();
  const call = defineCapability({
    name: "call",
    input: Text,
    output: Text,
    run: (input: { text: string }) => input,
    ...capability,
  });
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: Text,
    run: (job, input) => job.step("only", call, input),
  });
  const app = defineApp({ workflows: [flow], capabilities: [call], ...options });
  const resources = { tools: app.tools, model: app.model, price: undefined, corpus: noDocuments };
  const embedded = startEmbedded({ app, resources, logger: silent, dataDir: undefined, clock });
  open.push(() => embedded.close(0));
  const { runtime } = embedded;
  const deferred: MetricDimensions[] = [];
  runtime.metrics.record = (name, _value, _unit, dimensions = {}) => {
    if (name === "StepsDeferred") deferred.push(dimensions);
  };
  const jobs: JobId[] = [];
  return {
    clock,
    runtime,
    deferred,
    async submit(count: number, tenant = "acme") {
      for (let n = 0; n < count; n++) {
        const request = { workflow: "flow", input: { text: `${tenant} ${n}` } };
        const about = { tenant: tenant as TenantId, idempotencyKey: undefined, traceparent: undefined };
        jobs.push((await submit({ ...about, request }, runtime)).job.id as JobId);
      }
      await settle();
    },
    states: async () => {
      const states = await Promise.all(jobs.map((jobId) => readState(runtime, jobId)));
      return states.map((state) => ({ status: state?.status, step: state?.steps.get("only") }));
    },
  };
}

/** How many calls are being made at once, by tenant and at most. */
function meter(ms: number, clock: () => VirtualClock) {
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const startsMs: number[] = [];
  return {
    most,
    startsMs,
    async run(input: { text: string }, { tenant }: StepContext) {
      startsMs.push(clock().now());
      running.set(tenant, (running.get(tenant) ?? 0) + 1);
      most.set(tenant, Math.max(most.get(tenant) ?? 0, running.get(tenant) ?? 0));
      await new Promise<void>((resolve) => clock().setTimer(ms, resolve));
      running.set(tenant, (running.get(tenant) ?? 0) - 1);
      return input;
    },
  };
}

test("an outage opens the provider's circuit: what waits costs no attempt, is seen, and goes on by itself after it", async () => {
  let isDown = true;
  let calls = 0;
  const { clock, runtime, deferred, submit, states } = start({
    provider: () => ({ name: "acme:model" }),
    concurrency: 2,
    run(input) {
      calls += 1;
      if (isDown) throw new ThrottledError("the provider is down");
      return input;
    },
  });
  await submit(40);
  await clock.advance(120_000);
  const callsInOutage = calls;
  // Without a circuit each of the 40 would have called again and again.
  expect(callsInOutage).toBeLessThan(25);
  expect(deferred.length).toBeGreaterThan(20);
  expect(new Set(deferred.map(({ capability, reason }) => `${capability} ${reason}`))).toEqual(
    new Set(["call circuit"]),
  );
  const { providers } = await getCapabilities(runtime);
  expect(providers).toMatchObject([{ name: "acme:model", state: "open", openUntil: expect.any(String) }]);
  for (const { status, step } of await states()) {
    expect(status).toBe("running");
    expect(step?.failures).toBe(0);
  }
  isDown = false;
  await clock.advance(1_800_000);
  expect((await states()).filter(({ status }) => status !== "completed")).toEqual([]);
  expect(calls - callsInOutage).toBe(40);
  expect((await getCapabilities(runtime)).providers).toMatchObject([{ name: "acme:model", state: "closed" }]);
});

test("a tenant's share of the workers is its own: it works through its backlog, and nobody else waits for it", async () => {
  let now: VirtualClock | undefined;
  const calls = meter(2_000, () => now as VirtualClock);
  const { clock, submit, states, deferred } = start({ tenantConcurrency: 2, concurrency: 10, run: calls.run });
  now = clock;
  await submit(12, "loud");
  await submit(1, "quiet");
  await clock.advance(2_500);
  expect((await states()).at(-1)?.status).toBe("completed");
  await clock.advance(300_000);
  expect((await states()).every(({ status }) => status === "completed")).toBe(true);
  expect(Object.fromEntries(calls.most)).toEqual({ loud: 2, quiet: 1 });
  expect(deferred.every(({ reason }) => reason === "tenant")).toBe(true);
  expect((await states()).every(({ step }) => step?.attempt === 1)).toBe(true);
});

test("a provider's requests a minute are kept to, and nothing is lost or tried twice", async () => {
  let now: VirtualClock | undefined;
  const calls = meter(10, () => now as VirtualClock);
  const { clock, submit, states, deferred } = start(
    { provider: () => ({ name: "acme:model" }), run: calls.run },
    { rates: { "acme:model": { requestsPerMinute: 60 } } },
  );
  now = clock;
  await submit(200);
  await clock.advance(600_000);
  expect((await states()).every(({ status, step }) => status === "completed" && step?.attempt === 1)).toBe(true);
  const inWindow = calls.startsMs.map((fromMs) => calls.startsMs.filter((ms) => ms >= fromMs && ms < fromMs + 60_000));
  expect(Math.max(...inWindow.map(({ length }) => length))).toBeLessThanOrEqual(70);
  // The whole of it takes as long as the rate allows, and not much longer.
  const tookMs = Math.max(...calls.startsMs) - Math.min(...calls.startsMs);
  expect(tookMs).toBeGreaterThan(180_000);
  expect(tookMs).toBeLessThan(240_000);
  expect(deferred.length).toBeLessThan(400);
});

test("tokens a minute are reserved by estimate and settled to what was used", async () => {
  let now: VirtualClock | undefined;
  const calls = meter(10, () => now as VirtualClock);
  const { clock, submit } = start(
    {
      provider: () => ({ name: "acme:model", tokens: 1_000 }),
      async run(input, step) {
        const output = await calls.run(input, step);
        step.usage({ model: "model", inputTokens: 50, outputTokens: 50 });
        return output;
      },
    },
    { rates: { acme: { tokensPerMinute: 6_000 } } },
  );
  now = clock;
  // What calls really use has to be learned first.
  await submit(20);
  await clock.advance(300_000);
  const before = calls.startsMs.length;
  expect(before).toBe(20);
  await submit(300);
  await clock.advance(180_000);
  // By the estimates it would be 6 a minute; used are 100 tokens a call, 60 a minute.
  expect(calls.startsMs.length - before).toBeGreaterThan(120);
  expect(calls.startsMs.length - before).toBeLessThan(200);
});

test("a capability without gates asks nobody", async () => {
  const { runtime, submit, states } = start({});
  const asked: string[] = [];
  for (const name of ["reserve", "settle", "circuit", "changeCircuit", "enter", "leave"] as const) {
    Object.assign(runtime.limits, {
      [name]: () => {
        asked.push(name);
        return Promise.reject(new Error("asked"));
      },
    });
  }
  await submit(3);
  await settle();
  expect((await states()).every(({ status }) => status === "completed")).toBe(true);
  expect(asked).toEqual([]);
});
