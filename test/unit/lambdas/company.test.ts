import type { Context } from "aws-lambda";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { submit } from "../../../lambdas/submit/submit.ts";
import { createHandler } from "../../../lambdas/worker/create-handler.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { readState } from "../../../src/core/read-job.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { createRuntime, type Ports, type Runtime } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { sqsEvent } from "../../../src/host/sqs-event.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Text = z.object({ text: z.string() });
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const context = { getRemainingTimeInMillis: () => 90_000 } as Context;
/** The function's timeout and what comes on top: before it, no message of a batch that died comes back. */
const VISIBILITY_MS = 120_000;
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** Jobs of one step each (or of more), on workers that die as soon as a call says "poison". */
async function dyingWorkers(texts: readonly string[], steps = 1) {
  const calls: string[] = [];
  let die = () => {};
  const model = defineCapability({
    name: "model",
    input: Text,
    output: Text,
    async run(input) {
      calls.push(input.text);
      // All that a worker was handed is under way by then.
      await settle();
      if (input.text !== "poison") return input;
      die();
      return new Promise<never>(() => {});
    },
  });
  const flow = defineWorkflow({
    name: "flow",
    input: z.object({ texts: z.array(z.string()) }),
    output: z.array(Text),
    run: (job, input) => Promise.all(input.texts.map((text, n) => job.step(`s/${n}`, model, { text }))),
  });
  const app = defineApp({ workflows: [flow], capabilities: [model] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  let workers = 0;
  /** A worker's death stops its writes; everybody else sees a lease that nobody gives up. */
  const newWorker = (): { runtime: Runtime; died: Promise<void> } => {
    let dead = false;
    const { promise: died, resolve } = Promise.withResolvers<void>();
    die = () => {
      dead = true;
      resolve();
    };
    const log: Ports["log"] = {
      read: (...range) => engine.log.read(...range),
      tail: (...range) => engine.log.tail(...range),
      append: (...commit) => (dead ? new Promise<never>(() => {}) : engine.log.append(...commit)),
    };
    const ports = { ...engine, log, holder: `worker-${workers++}`, isGone: () => false };
    return { runtime: createRuntime(ports, { app, resources: {} as Resources, logger: silent }), died };
  };
  const jobs: JobId[] = [];
  for (let at = 0; at < texts.length; at += steps) {
    const request = { workflow: "flow", input: { texts: texts.slice(at, at + steps) } };
    const tenant = "acme" as TenantId;
    const { runtime } = newWorker();
    const { job } = await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
    jobs.push(job.id as JobId);
  }
  for (let seconds = 0; seconds < 1_500; seconds++) {
    for (;;) {
      const batch = await engine.queue.receive("model", 10, VISIBILITY_MS);
      if (batch.length === 0) break;
      const { runtime, died } = newWorker();
      const done = createHandler(runtime, "model")(sqsEvent(batch), context);
      const answer = await Promise.race([done, died]);
      if (!answer) continue;
      const failed = new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      await engine.queue.ack(batch.filter(({ messageId }) => !failed.has(messageId)));
    }
    await clock.advance(1_000);
  }
  const counts = new Map(calls.map((text) => [text, calls.filter((each) => each === text).length]));
  const states = await Promise.all(jobs.map((jobId) => readState(engine, jobId)));
  return { counts, statuses: states.map((state) => state?.status) };
}

test("a step that kills its workers does not take those with it that came in its company", async () => {
  const { counts, statuses } = await dyingWorkers(["a", "b", "poison", "c", "d"]);
  expect(statuses).toEqual(["completed", "completed", "dead-lettered", "completed", "completed"]);
  expect(counts.get("poison")).toBe(6);
  for (const text of ["a", "b", "c", "d"]) expect([text, counts.get(text)]).toEqual([text, 2]);
});

test("nor the other steps of its own job", async () => {
  const { counts, statuses } = await dyingWorkers(["a", "poison", "b"], 3);
  expect(statuses).toEqual(["dead-lettered"]);
  expect(counts.get("poison")).toBe(6);
  for (const text of ["a", "b"]) expect([text, counts.get(text)]).toEqual([text, 3]);
});
