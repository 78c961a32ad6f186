import type { Context, SQSRecord } from "aws-lambda";
import { expect, test } from "vitest";
import { queueHandler } from "../../../lambdas/queue-handler.ts";
import type { Receipt, WorkQueue } from "../../../src/core/ports.ts";
import { MAX_RECEIVES } from "../../../src/core/ports.ts";
import { message } from "../../../src/testing/contracts/fixtures.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const context = { getRemainingTimeInMillis: () => 30_000 } as Context;

/** The waits that a handler asks for which fails on every message, by how often it has been received. */
async function waitsAfterFaults(receiveCounts: readonly number[]): Promise<{ waits: number[]; failures: string[] }> {
  const waits = new Map<string, number>();
  const queue = {
    retryLater: async ({ receipt }: Receipt, delayMs: number) => void waits.set(receipt, delayMs),
  } as unknown as WorkQueue;
  const handler = queueHandler("echo", () => Promise.reject(new Error("throttled")), {
    queue,
    clock: new VirtualClock(),
    logger: silent,
    metrics: { record() {}, flush() {} },
  });
  const { topic, detail } = message("ai.echo.requested", { stepIds: ["a"] });
  const records = receiveCounts.map((count) => ({
    messageId: `m${count}`,
    receiptHandle: String(count),
    body: JSON.stringify({ source: "sluice", "detail-type": topic, detail }),
    attributes: { ApproximateReceiveCount: String(count) },
    messageAttributes: {},
    eventSource: "aws:sqs",
  }));
  const { batchItemFailures } = await handler({ Records: records as unknown as SQSRecord[] }, context);
  return {
    waits: receiveCounts.map((count) => waits.get(String(count)) ?? Number.NaN),
    failures: batchItemFailures.map(({ itemIdentifier }) => itemIdentifier),
  };
}

test("a message that an engine failed on waits longer each time, and outlives an outage of an hour", async () => {
  const counts = Array.from({ length: MAX_RECEIVES }, (_, n) => n + 1);
  const { waits, failures } = await waitsAfterFaults(counts);
  expect(waits.slice(0, 8)).toEqual([5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  expect(waits.reduce((sum, wait) => sum + wait)).toBeGreaterThan(3_600_000);
  expect(failures).toEqual(counts.map((count) => `m${count}`));
});
