import { afterEach } from "vitest";
import { z } from "zod";
import { advanceJob } from "../../../lambdas/advance/advance.ts";
import { reconcile } from "../../../lambdas/reconciler/reconciler.ts";
import { submit } from "../../../lambdas/submit/submit.ts";
import { work } from "../../../lambdas/worker/worker.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import type { Message } from "../../../src/contract/messages.ts";
import { type AppOptions, defineApp } from "../../../src/core/define-app.ts";
import { type CapabilityOptions, defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import type { Backlog, Delivery, EventLog } from "../../../src/core/ports.ts";
import { readState } from "../../../src/core/read-job.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { createRuntime, type Runtime } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Text = z.object({ text: z.string() });
type Options = CapabilityOptions<"only", typeof Text, typeof Text>;
export const MINUTE_MS = 60_000;
export const tenant = "acme" as TenantId;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

interface Plan {
  readonly jobs: number;
  /** Steps of each job, one after the other. */
  readonly chain?: number;
  /** Messages worked on at once. */
  readonly slots: number;
  readonly callMs: number;
  readonly capability?: Partial<Options>;
  readonly app?: Partial<AppOptions>;
  /** How old a backlog is nobody tells. */
  readonly ageUnknown?: boolean;
  /** So many of the first messages are lost. */
  readonly lost?: number;
  /** Whoever takes a message dies of it. */
  readonly deadly?: boolean;
}

/** Jobs on an engine whose effects follow their commits, as on AWS; `pass` lets minutes pass, and work be done in them. */
export async function fleet({ jobs, chain = 1, slots, callMs, ...plan }: Plan) {
  const clock = new VirtualClock();
  const calls: string[] = [];
  const only = defineCapability({
    name: "only",
    input: Text,
    output: Text,
    async run(input, { jobId, stepId }) {
      calls.push(`${jobId} ${stepId}`);
      await new Promise<void>((resolve) => clock.setTimer(callMs, resolve));
      return input;
    },
    ...plan.capability,
  });
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: Text,
    async run(job, input) {
      for (let n = 0; n < chain; n++) await job.step(`s/${n}`, only, input);
      return input;
    },
  });
  const app = defineApp({ workflows: [flow], capabilities: [only], ...plan.app });
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  /** Published for each step. */
  const published = new Map<string, number>();
  const publish = async (messages: readonly Message[]): Promise<void> => {
    for (const { detail } of messages) {
      for (const stepId of detail.stepIds ?? []) {
        const key = `${detail.jobId} ${stepId}`;
        published.set(key, (published.get(key) ?? 0) + 1);
      }
    }
    await engine.topics.publish(messages);
  };
  const log: EventLog = {
    read: (...range) => engine.log.read(...range),
    tail: (...range) => engine.log.tail(...range),
    async append(commit, { messages = [], ...effects } = {}) {
      const outcome = await engine.log.append(commit, effects);
      if (outcome === "appended") await publish(messages);
      return outcome;
    },
  };
  const backlog = async (name: string): Promise<Backlog> => {
    const known = await engine.queue.backlog(name);
    return plan.ageUnknown && known.ready > 0 ? { ...known, oldestAgeMs: undefined } : known;
  };
  const queue: Runtime["queue"] = new Proxy(engine.queue, {
    get(target, key) {
      if (key === "backlog") return backlog;
      const value = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  let deaths = 0;
  const runtimeOf = (holder: string, clock = engine.clock): Runtime =>
    createRuntime(
      { ...engine, clock, log, queue, topics: { publish }, atomicEffects: false, holder, isGone: () => false },
      { app, resources: {} as Resources, logger: silent },
    );
  const runtime = runtimeOf("worker");
  const send = (n: number) =>
    submit(
      {
        tenant,
        request: { workflow: "flow", input: { text: "in" } },
        idempotencyKey: `key ${n}`,
        traceparent: undefined,
      },
      runtime,
    );
  const jobIds: JobId[] = [];
  for (let n = 0; n < jobs; n++) jobIds.push((await send(n)).job.id as JobId);
  let { lost = 0 } = plan;
  let busy = 0;
  const answer = async (delivery: Delivery, { retryAfterMs }: { readonly retryAfterMs: number | undefined }) => {
    if (retryAfterMs === undefined) await engine.queue.ack([delivery]);
    else await engine.queue.retryLater(delivery, retryAfterMs);
  };
  async function take(): Promise<boolean> {
    if (busy >= slots) return false;
    const [delivery] = await engine.queue.receive("only", 1, 120_000);
    if (delivery === undefined) return false;
    const { detail } = delivery.message;
    if (lost > 0) {
      lost -= 1;
      await engine.queue.ack([delivery]);
      return true;
    }
    if (plan.deadly) {
      deaths += 1;
      // Nothing ends it, as nothing goes on in it, and its message comes back by its visibility timeout.
      const dead = runtimeOf(`dead ${deaths}`, { now: () => clock.now(), setTimer: () => () => {} });
      void work({ capability: "only", detail }, dead).then((result) => answer(delivery, result));
      return true;
    }
    busy += 1;
    void work({ capability: "only", detail }, runtime)
      .then((result) => answer(delivery, result))
      .finally(() => {
        busy -= 1;
      });
    return true;
  }
  async function bringForward(): Promise<void> {
    for (const delivery of await engine.queue.receive("flow.advance", 10, MINUTE_MS)) {
      await answer(delivery, await advanceJob("flow", delivery.message.detail, runtime));
    }
  }
  return {
    clock,
    calls,
    send,
    runtime,
    jobIds,
    published: () => [...published.values()],
    waiting: async () => {
      const { ready, delayed, inFlight } = await engine.queue.stats("only");
      return ready + delayed + inFlight;
    },
    states: () => Promise.all(jobIds.map((jobId) => readState(engine, jobId))),
    async pass(minutes: number, { working = true, eachMinute = async () => {} } = {}) {
      for (let second = 1; second <= minutes * 60; second++) {
        while (working && (await take()));
        await bringForward();
        await clock.advance(1_000);
        if (second % 60 > 0) continue;
        await reconcile(runtime, clock.now() + 1);
        await eachMinute();
      }
    },
  };
}
