import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { Delivery } from "../../../lambdas/delivery/delivery.ts";
import type { JobEvent } from "../../../src/contract/events.ts";
import type { ServerMessage } from "../../../src/contract/socket.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { MemorySubscribers } from "../../../src/engines/embedded/memory-subscribers.ts";
import { LocalSockets } from "../../../src/host/local-sockets.ts";
import { commit, newJobId, newTenant } from "../../../src/testing/contracts/fixtures.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { appOf } from "../core/fixtures.ts";

/** More than the kernel's buffers of a connection take: 21 MB of frames. */
const EVENTS = 700;
const TEXT = "x".repeat(30_000);

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function begin() {
  const clock = new VirtualClock();
  const onError = (error: unknown): never => {
    throw error;
  };
  const engine = openEmbeddedEngine({ app: appOf(async () => 1), dataDir: undefined, onReady() {}, onError });
  open.push(() => engine.close());
  const [tenant, jobId] = [newTenant(), newJobId()];
  for (let seq = 1; seq <= EVENTS; seq++) {
    const type = seq === EVENTS ? "job.completed" : "value.recorded";
    await engine.log.append(commit(jobId, seq, 1, { tenant, body: JSON.stringify([{ type, value: TEXT }]) }));
  }
  const sockets = new LocalSockets(clock);
  const subscribers = new MemorySubscribers();
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  open.push(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  let connections = 0;
  return {
    clock,
    jobId,
    delivery: new Delivery({ log: engine.log, blobs: engine.blobs, sockets, subscribers }),
    /** A connection with one subscription for each cursor: `s0`, `s1` and so on. */
    async connect(...after: number[]) {
      connections += 1;
      const connectionId = `c${connections}`;
      const accepted = once(server, "connection") as Promise<[WebSocket]>;
      const client = new WebSocket(`ws://127.0.0.1:${port}`);
      open.push(() => client.terminate());
      const [accept] = await accepted;
      sockets.add(connectionId, accept);
      await subscribers.connect({ id: connectionId, tenant, expiresMs: Number.POSITIVE_INFINITY });
      for (const [n, afterSeq] of after.entries()) {
        const fields = { tenant, jobId, isDerived: false, expiresMs: Number.POSITIVE_INFINITY };
        await subscribers.subscribe(
          { ...fields, connectionId, id: `s${n}`, token: `${connectionId} ${n}`, afterSeq },
          9,
        );
      }
      const events: JobEvent[] = [];
      let complete = 0;
      client.on("message", (data) => {
        const message = JSON.parse(String(data)) as ServerMessage;
        if (message.type === "event") events.push(message.event);
        if (message.type === "complete") complete += 1;
      });
      const closed = once(client, "close").then(([code, reason]) => ({ code, reason: String(reason) }));
      await once(client, "open").catch(() => {});
      const seqs = () => events.map(({ seq }) => seq);
      return { client, accept, closed, seqs, complete: () => complete };
    },
  };
}

const all = Array.from({ length: EVENTS }, (_, n) => n + 1);
/** Until nothing more is handed over. */
async function stalled(accept: WebSocket): Promise<void> {
  await vi.waitUntil(() => accept.bufferedAmount > 1_048_576, { timeout: 60_000 });
}

test("a reader that pauses is sent what waits once it goes on; no more than 1 MB and a frame waits for it", async () => {
  const { connect, delivery, jobId, clock } = await begin();
  const { client, accept, seqs, complete } = await connect(0);
  client.pause();
  const delivered = delivery.deliver(jobId);
  await stalled(accept);
  await clock.advance(29_000);
  expect(accept.bufferedAmount).toBeLessThan(1_048_576 + 32_768);
  expect(accept.readyState).toBe(accept.OPEN);
  client.resume();
  await vi.waitUntil(() => seqs().length >= 100, { timeout: 60_000, interval: 1 });
  client.pause();
  await stalled(accept);
  // It has made room meanwhile: its time begins anew.
  await clock.advance(29_000);
  expect(accept.readyState).toBe(accept.OPEN);
  client.resume();
  await delivered;
  await vi.waitUntil(() => complete() === 1, { timeout: 60_000 });
  await clock.advance(60_000);
  expect(seqs()).toEqual(all);
  expect(accept.readyState).toBe(accept.OPEN);
});

test("one that takes nothing for 30 s is closed, and told from where to go on; nothing is lost by it", async () => {
  const { connect, delivery, jobId, clock } = await begin();
  const slow = await connect(0);
  slow.client.pause();
  const delivered = delivery.deliver(jobId);
  await stalled(slow.accept);
  await clock.advance(30_000);
  await delivered;
  expect(slow.accept.readyState).toBe(slow.accept.CLOSING);
  slow.client.resume();
  const { code, reason } = await slow.closed;
  const last = slow.seqs().at(-1) ?? 0;
  expect({ code, reason }).toEqual({ code: 4408, reason: `resume s0 after ${last}` });
  expect(last).toBeLessThan(EVENTS);
  const next = await connect(last);
  await delivery.deliver(jobId);
  await vi.waitUntil(() => next.complete() === 1, { timeout: 60_000 });
  expect([...slow.seqs(), ...next.seqs()]).toEqual(all);
});

test("one that goes away while it is waited for is gone for those who wait", async () => {
  const { connect, delivery, jobId, clock } = await begin();
  const { client, accept } = await connect(0, 0);
  client.pause();
  const delivered = delivery.deliver(jobId);
  await stalled(accept);
  client.terminate();
  await delivered;
  expect(clock.nextMs).toBeUndefined();
});
