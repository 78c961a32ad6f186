import type { Context, ScheduledEvent } from "aws-lambda";
import { expect, test } from "vitest";
import { createHandler } from "../../../lambdas/reconciler/create-handler.ts";
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
