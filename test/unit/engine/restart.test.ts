import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TenantId } from "../../../src/contract/ids.ts";
import { topics } from "../../../src/contract/messages.ts";
import { MAX_RECEIVES } from "../../../src/core/ports.ts";
import { type EmbeddedEngine, openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { commit, head, message, newJobId } from "../../../src/testing/contracts/fixtures.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { appOf } from "../core/fixtures.ts";

const app = appOf(async () => 1);
const tenant = "acme" as TenantId;
const requested = topics.requested("echo");
let dataDir: string;
let clock: VirtualClock;
let engine: EmbeddedEngine;

function start(): { ready: string[] } {
  const ready: string[] = [];
  const onError = (error: unknown): never => {
    throw error;
  };
  engine = openEmbeddedEngine({ app, dataDir, clock, onReady: (queue) => ready.push(queue), onError });
  return { ready };
}
async function restart(): Promise<{ ready: string[] }> {
  await engine.close();
  return start();
}
const receive = async () => {
  const deliveries = await engine.queue.receive("echo", 10, 60_000);
  return deliveries.map((delivery) => ({ seq: delivery.message.detail.seq, count: delivery.receiveCount }));
};

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "sluice-restart-"));
  clock = new VirtualClock();
  start();
});
afterEach(async () => {
  await engine.close();
  rmSync(dataDir, { recursive: true });
});

describe("an engine that is started again", () => {
  it("brings messages in flight back at once, counted, and announces them", async () => {
    await engine.topics.publish([message(requested, { seq: 1 }), message(requested, { seq: 2 })]);
    expect(await receive()).toEqual([
      { seq: 1, count: 1 },
      { seq: 2, count: 1 },
    ]);
    const { ready } = await restart();
    expect(ready).toEqual(["echo", "echo"]);
    expect(await receive()).toEqual([
      { seq: 1, count: 2 },
      { seq: 2, count: 2 },
    ]);
  });

  it("does not bring back what was acked", async () => {
    await engine.topics.publish([message(requested, { seq: 1 })]);
    await engine.queue.ack(await engine.queue.receive("echo", 1, 60_000));
    await restart();
    expect(await receive()).toEqual([]);
  });

  it("keeps delays", async () => {
    await engine.queue.defer("echo", message(requested, { seq: 1 }), 60_000);
    await engine.topics.publish([message(requested, { seq: 2 })]);
    const [delivery] = await engine.queue.receive("echo", 1, 1_000);
    if (!delivery) throw new Error("nothing received");
    await engine.queue.retryLater(delivery, 30_000);
    await clock.advance(10_000);
    await restart();
    expect(await receive()).toEqual([]);
    await clock.advance(20_000);
    expect(await receive()).toEqual([{ seq: 2, count: 2 }]);
    await clock.advance(30_000);
    expect(await receive()).toEqual([{ seq: 1, count: 1 }]);
  });

  it("sets a message aside that every process dies of", async () => {
    await engine.topics.publish([message(requested, { seq: 1 })]);
    for (let count = 1; count <= MAX_RECEIVES; count++) {
      expect(await receive()).toEqual([{ seq: 1, count }]);
      await restart();
    }
    expect(await receive()).toEqual([]);
    await clock.advance(0);
    expect(await engine.queue.deadLetters("echo", 10)).toMatchObject([{ message: { detail: { seq: 1 } } }]);
    await restart();
    expect(await receive()).toEqual([]);
  });

  it("is a later deployment under another name, and knows that the earlier ones are dead", async () => {
    const { deploySeq, holder } = engine;
    expect(engine.isGone(holder)).toBe(false);
    await restart();
    expect(engine.deploySeq).toBe(deploySeq + 1);
    expect(engine.holder).not.toBe(holder);
    expect(engine.isGone(holder)).toBe(true);
    expect(engine.isGone(engine.holder)).toBe(false);
  });

  it("keeps its secret: a key stands for the same job as before, in this directory only", async () => {
    const before = engine.ids.jobId(tenant, "order-1");
    expect(engine.ids.jobId(tenant, "order-1")).toBe(before);
    expect(engine.ids.jobId("other" as TenantId, "order-1")).not.toBe(before);
    expect(engine.ids.jobId(tenant, "order-2")).not.toBe(before);
    await restart();
    expect(engine.ids.jobId(tenant, "order-1")).toBe(before);
    const elsewhere = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady: () => {}, onError: () => {} });
    expect(elsewhere.ids.jobId(tenant, "order-1")).not.toBe(before);
    await elsewhere.close();
  });

  it("has every log, list entry, value and dead letter that it had", async () => {
    const first = commit(newJobId(), 1, 2, { tenant });
    await engine.log.append(first, { head: head(first.jobId, { tenant }) });
    const ref = await engine.blobs.put(first.jobId, "a large value");
    await engine.queue.deadLetter("echo", message(requested), { reason: "broken", seq: 3 });
    await restart();
    expect(await engine.log.read(first.jobId)).toEqual([first]);
    expect((await engine.index.list({ tenant, limit: 9 })).jobs).toEqual([head(first.jobId, { tenant })]);
    expect(await engine.blobs.get(ref)).toBe("a large value");
    expect(await engine.queue.deadLetters("echo", 9)).toMatchObject([{ reason: "broken", seq: 3 }]);
  });

  it("writes what waits before it closes", async () => {
    const first = commit(newJobId(), 1);
    const appended = engine.log.append(first);
    await restart();
    expect(await appended).toBe("appended");
    expect(await engine.log.read(first.jobId)).toEqual([first]);
  });
});
