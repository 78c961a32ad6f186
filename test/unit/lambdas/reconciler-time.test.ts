import type { Context, ScheduledEvent } from "aws-lambda";
import { expect, test } from "vitest";
import { createHandler } from "../../../lambdas/reconciler/create-handler.ts";
import { reconcile } from "../../../lambdas/reconciler/reconciler.ts";
import type { Runtime } from "../../../src/core/runtime.ts";
import { head, newJobId } from "../../../src/testing/contracts/fixtures.ts";

const BATCH = 200;

/** A runtime with more due jobs than there is time for: each look for them takes a second, and none can be read. */
function overwhelmed(): Runtime {
  let nowMs = 0;
  const due = async () => {
    nowMs += 1_000;
    return Array.from({ length: BATCH }, () => head(newJobId()));
  };
  return {
    app: { capabilities: new Map(), workflows: new Map() },
    clock: { now: () => nowMs },
    ids: { random: () => 0 },
    index: { due, change: async () => {} },
    writer: { states: { drop() {} }, update: () => Promise.reject(new Error("unreadable")) },
    logger: { error() {} },
    metrics: { record() {}, flush() {} },
  } as unknown as Runtime;
}

test("a run takes no new batch in the second half of its time, which the last one may need", async () => {
  const handler = createHandler(overwhelmed());
  const context = { getRemainingTimeInMillis: () => 10_000 } as Context;
  expect(await handler({} as ScheduledEvent, context)).toEqual({ jobs: 5 * BATCH });
});

test("jobs are looked at a few at a time, from anywhere on, so that one which kills the process is not before all others", async () => {
  const due = Array.from({ length: BATCH }, () => head(newJobId()));
  const begun: string[] = [];
  let busy = 0;
  let most = 0;
  const update = async (jobId: string) => {
    begun.push(jobId);
    busy += 1;
    most = Math.max(most, busy);
    await new Promise((resolve) => setImmediate(resolve));
    busy -= 1;
    throw new Error("unreadable");
  };
  const runtime = {
    ...overwhelmed(),
    ids: { random: () => 0.75 },
    index: { due: async () => due, change: async () => {} },
    writer: { states: { drop() {} }, update },
  } as unknown as Runtime;
  expect(await reconcile(runtime)).toEqual({ jobs: BATCH });
  expect(most).toBe(8);
  expect(begun).toEqual([...due.slice(150), ...due.slice(0, 150)].map(({ jobId }) => jobId));
});
