import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { advanceJob } from "../../../lambdas/advance/advance.ts";
import { submit } from "../../../lambdas/submit/submit.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { createRuntime } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Text = z.object({ text: z.string() });
const tenant = "acme" as TenantId;
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

test("what an advance asked for and could not publish is published when its message comes again", async () => {
  const only = defineCapability({ name: "only", input: Text, output: Text, run: (input) => input });
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: Text,
    run: async (job, input) => {
      const [text] = await Promise.all([job.step("only", only, input), job.sleep("nap", 4_000)]);
      return text;
    },
  });
  const app = defineApp({ workflows: [flow], capabilities: [only] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  // As on AWS, where messages follow a commit and may be missing.
  const runtime = createRuntime({ ...engine, atomicEffects: false }, { app, resources: {} as Resources, logger });
  const request = { workflow: "flow", input: { text: "in" } };
  const { job } = await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
  await engine.queue.ack(await engine.queue.receive("only", 10, 1_000));
  await clock.advance(5_000);
  // It has something of its own to write: that must not hide what is missing.
  await advanceJob("flow", { tenant, jobId: job.id as JobId, seq: 1 }, runtime);
  expect(await engine.queue.receive("only", 10, 1_000)).toMatchObject([
    { message: { detail: { jobId: job.id, stepIds: ["only"] } } },
  ]);
  expect((await engine.queue.stats("only")).ready).toBe(0);
});
