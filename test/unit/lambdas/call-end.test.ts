import type { Context, SQSRecord } from "aws-lambda";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { submit } from "../../../lambdas/submit/submit.ts";
import { createHandler } from "../../../lambdas/worker/create-handler.ts";
import { eventsOf } from "../../../src/contract/events.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { readCommits } from "../../../src/core/read-job.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { createRuntime, type Ports } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { sqsEvent } from "../../../src/host/sqs-event.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Text = z.object({ text: z.string() });
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A worker's invocation with `remainingMs` to live, on a step that takes for ever; its claim takes `claimMs`. */
async function invoked(remainingMs: number, claimMs = 0) {
  let startedMs: number | undefined;
  let abortedMs: number | undefined;
  const clock = new VirtualClock();
  const endless = defineCapability({
    name: "endless",
    input: Text,
    output: Text,
    timeoutMs: 60_000,
    run(_, { signal }) {
      startedMs = clock.now();
      signal.addEventListener("abort", () => (abortedMs = clock.now()));
      return new Promise<never>(() => {});
    },
  });
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: Text,
    run: (job, input) => job.step("s", endless, input),
  });
  const app = defineApp({ workflows: [flow], capabilities: [endless] });
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  const slow: Ports["log"] = {
    read: (...range) => engine.log.read(...range),
    tail: (...range) => engine.log.tail(...range),
    async append(commit, effects) {
      if (commit.firstSeq > 1 && startedMs === undefined) {
        await new Promise<void>((resolve) => clock.setTimer(claimMs, resolve));
      }
      return engine.log.append(commit, effects);
    },
  };
  const runtime = createRuntime({ ...engine, log: slow }, { app, resources: {} as Resources, logger: silent });
  const request = { workflow: "flow", input: { text: "in" } };
  const { job } = await submit(
    { tenant: "acme" as TenantId, request, idempotencyKey: undefined, traceparent: undefined },
    runtime,
  );
  const beganMs = clock.now();
  const batch = await engine.queue.receive("endless", 1, 90_000);
  const done = createHandler(runtime, "endless")({ Records: sqsEvent(batch).Records as SQSRecord[] }, {
    getRemainingTimeInMillis: () => remainingMs,
  } as Context);
  for (let seconds = 0; seconds < 90; seconds++) {
    await settle();
    await clock.advance(1_000);
  }
  await done;
  const { commits } = await readCommits(runtime, job.id as JobId);
  return {
    calledFor: startedMs === undefined ? undefined : (abortedMs ?? Number.NaN) - startedMs,
    endedMs: (abortedMs ?? Number.NaN) - beganMs,
    last: commits.flatMap(eventsOf).at(-1),
  };
}

test("a call has its whole timeout where its function lives longer", async () => {
  const { calledFor, last } = await invoked(90_000);
  expect(calledFor).toBe(60_000);
  expect(last).toMatchObject({ type: "step.failed", counts: true, error: { name: "TimeoutError" } });
});

test("a call is released ten seconds before its function is cut off: on record, and at no cost in attempts", async () => {
  const { endedMs, last } = await invoked(45_000);
  expect(endedMs).toBe(35_000);
  expect(last).toMatchObject({
    type: "step.failed",
    counts: false,
    error: { name: "ThrottledError", message: expect.stringMatching(/released after 35000 ms: its worker's time/) },
  });
});

test("a call whose claim took long ends with the lease that it was claimed for", async () => {
  const { endedMs } = await invoked(900_000, 20_000);
  expect(endedMs).toBe(75_000);
});

test("a function without time left calls nothing, and that costs no attempt", async () => {
  const { calledFor, last } = await invoked(9_000);
  expect(calledFor).toBeUndefined();
  expect(last).toMatchObject({ type: "step.failed", counts: false, error: { name: "ThrottledError" } });
});
