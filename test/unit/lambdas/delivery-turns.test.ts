import type { SQSEvent, SQSRecord } from "aws-lambda";
import { expect, test } from "vitest";
import { createHandler } from "../../../lambdas/delivery/create-handler.ts";
import type { JobId } from "../../../src/contract/ids.ts";
import type { ServerMessage } from "../../../src/contract/socket.ts";
import type { Sockets } from "../../../src/core/subscribers.ts";
import { MemorySubscribers } from "../../../src/engines/embedded/memory-subscribers.ts";
import { commit, newJobId, newTenant } from "../../../src/testing/contracts/fixtures.ts";
import { engine } from "./memory-engine.ts";

const EVENTS = 250;
const TIMEOUT_MS = 60_000;

/** The function on its queue: each frame takes `postMs` of the time that an invocation has. */
async function begin(postMs: number) {
  let usedMs = 0;
  const frames = new Map<string, (number | string)[]>();
  const waiting: JobId[] = [];
  const subscribers = new MemorySubscribers();
  const sockets: Sockets = {
    async post(connectionId, frame) {
      usedMs += postMs;
      const message = JSON.parse(frame) as ServerMessage;
      frames.set(connectionId, [
        ...(frames.get(connectionId) ?? []),
        message.type === "event" ? message.event.seq : message.type,
      ]);
      return "sent";
    },
    async close() {},
  };
  const failures: string[] = [];
  const handler = createHandler({
    log: engine.log,
    blobs: engine.blobs,
    subscribers,
    sockets,
    logger: { debug() {}, info() {}, warn: (what) => failures.push(what), error: (what) => failures.push(what) },
    retryLater: async () => {},
    goOn: async (jobId) => void waiting.push(jobId),
  });
  return {
    waiting,
    failures,
    got: (connectionId: string) => frames.get(connectionId) ?? [],
    async watch(connectionId: string, events: number): Promise<JobId> {
      const [tenant, jobId] = [newTenant(), newJobId()];
      const body = Array.from({ length: events }, (_, n) => ({
        type: n === events - 1 ? "job.cancelled" : "value.recorded",
      }));
      await engine.log.append(commit(jobId, 1, events, { tenant, body: JSON.stringify(body) }));
      const expiresMs = Number.POSITIVE_INFINITY;
      await subscribers.connect({ id: connectionId, tenant, expiresMs });
      await subscribers.subscribe(
        { connectionId, id: "s", token: connectionId, tenant, jobId, isDerived: false, afterSeq: 0, expiresMs },
        1,
      );
      return jobId;
    },
    /** One invocation. How much of its time it has used, in ms, and what failed. */
    async invoke(jobs: readonly JobId[], timeoutMs = TIMEOUT_MS) {
      usedMs = 0;
      const Records = jobs.map((jobId, n) => recordOf(jobId, n));
      const { batchItemFailures } = await handler({ Records } as SQSEvent, {
        getRemainingTimeInMillis: () => timeoutMs - usedMs,
      });
      return { usedMs, failed: batchItemFailures.length };
    },
  };
}

const recordOf = (jobId: JobId, n: number): SQSRecord =>
  ({
    messageId: `m${n}`,
    receiptHandle: `r${n}`,
    body: JSON.stringify({ jobId }),
    attributes: { ApproximateReceiveCount: "1" },
  }) as SQSRecord;

test("a log that does not fit into a turn is left off, and goes on from there by a message of its own", async () => {
  const { watch, invoke, waiting, got, failures } = await begin(100);
  const long = await watch("long", EVENTS);
  const short = await watch("short", 2);
  let batch = [long, short];
  for (let turns = 1; batch.length > 0; turns++) {
    const { usedMs, failed } = await invoke(batch);
    expect(usedMs).toBeLessThan(6_000);
    expect(failed).toBe(0);
    expect(got("short")).toEqual([1, 2, "complete"]);
    expect(got("long").length).toBeGreaterThan(40 * turns);
    batch = waiting.splice(0);
    expect(batch).toEqual(got("long").includes("complete") ? [] : [long]);
  }
  expect(got("long")).toEqual([...Array.from({ length: EVENTS }, (_, n) => n + 1), "complete"]);
  expect(failures).toEqual([]);
});

test("an invocation that has little time from the beginning keeps ten seconds of it", async () => {
  const { watch, invoke, waiting } = await begin(100);
  const long = await watch("long", EVENTS);
  expect((await invoke([long], 12_000)).usedMs).toBeLessThanOrEqual(2_100);
  expect(waiting).toEqual([long]);
});
