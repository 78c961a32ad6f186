import type { SQSEvent } from "aws-lambda";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { MessageDetail } from "../../../src/contract/messages.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { Dispatcher } from "../../../src/host/dispatcher.ts";
import { message } from "../../../src/testing/contracts/fixtures.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { appOf } from "../core/fixtures.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const clock = new VirtualClock();
let engine: ReturnType<typeof openEmbeddedEngine>;
beforeEach(() => {
  engine = openEmbeddedEngine({ app: appOf(async () => 1), dataDir: undefined, clock, onReady() {}, onError() {} });
});
afterEach(() => engine.close());

/** The batches that messages of these details, which wait when it starts, are handed over in: the seqs of each. */
async function batchesOf(details: readonly Partial<MessageDetail>[]): Promise<number[][]> {
  for (const detail of details) await engine.queue.defer("echo", message("ai.echo.requested", detail), 0);
  const batches: number[][] = [];
  const handler = async ({ Records }: SQSEvent) => {
    batches.push(Records.map(({ body }) => JSON.parse(body).detail.seq));
    return { batchItemFailures: [] };
  };
  const dispatcher = new Dispatcher(engine.queue, silent);
  dispatcher.start([{ queue: "echo", handler, concurrency: 20, batchSize: 10, visibilityMs: 60_000 }]);
  while (!dispatcher.isIdle) await new Promise(setImmediate);
  return batches;
}

test("hands messages over in batches", async () => {
  expect(await batchesOf([{ seq: 1 }, { seq: 2 }, { seq: 3 }])).toEqual([[1, 2, 3]]);
});

test("gives no company to a message that is to be worked on alone, wherever in the line it stands", async () => {
  const details = [{ seq: 1 }, { seq: 2 }, { seq: 3, alone: true }, { seq: 4, alone: true }, { seq: 5 }, { seq: 6 }];
  expect(await batchesOf(details)).toEqual([[1, 2], [3], [4], [5, 6]]);
});

test("nor to one that was received before", async () => {
  for (const seq of [1, 2]) await engine.queue.defer("echo", message("ai.echo.requested", { seq }), 0);
  const [, second] = await engine.queue.receive("echo", 2, 60_000);
  await engine.queue.defer("echo", message("ai.echo.requested", { seq: 3 }), 0);
  if (second) await engine.queue.retryLater(second, 0);
  expect(await batchesOf([{ seq: 4 }])).toEqual([[3], [2], [4]]);
});
