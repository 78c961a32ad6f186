import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import type { SocketEvent } from "../../../lambdas/socket/create-handler.ts";
import type { TenantId } from "../../../src/contract/ids.ts";
import { LocalSockets } from "../../../src/host/local-sockets.ts";
import { SocketServer } from "../../../src/host/socket-server.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { startFaultProxy } from "../../channels/fault-proxy.ts";

/** Of the server's answer, when it accepts. */
const HANDSHAKE_BYTES = 164;

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A server whose handler keeps the events that it is called with, and does of frames what it is told. */
async function begin(handle: (event: SocketEvent) => Promise<void> = async () => {}) {
  const clock = new VirtualClock();
  const events: SocketEvent[] = [];
  const accepted = new Map<string, WebSocket>();
  const sockets = new (class extends LocalSockets {
    override add(id: string, client: WebSocket): void {
      accepted.set(id, client);
      super.add(id, client);
    }
  })(clock);
  const server = new SocketServer({
    async handler(event) {
      events.push(event);
      if (event.requestContext.routeKey === "$default") await handle(event);
      return { statusCode: 200 };
    },
    sockets,
    callers: { ofSocket: async () => ({ tenant: "acme" as TenantId }) },
    clock,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");
  server.attach(http);
  const { port } = http.address() as AddressInfo;
  open.push(() => http.close());
  open.push(() => server.close());
  return {
    clock,
    port,
    server,
    sockets,
    /** The server's ends of connections. */
    accepted,
    /** Names of connections by what was said of them, in order. */
    told: (routeKey: string) =>
      events.flatMap(({ requestContext }) =>
        requestContext.routeKey === routeKey ? [requestContext.connectionId] : [],
      ),
    async connect(at = port): Promise<WebSocket> {
      const client = new WebSocket(`ws://127.0.0.1:${at}/v1/socket`, "sluice.v1");
      client.on("error", () => {});
      open.push(() => client.terminate());
      await once(client, "open");
      return client;
    },
  };
}

test("a connection whose other side is gone without a word is let go after it has missed a ping", async () => {
  const { clock, port, connect, told } = await begin();
  const proxy = await startFaultProxy(port, () => ({ kind: "half-open", atByte: HANDSHAKE_BYTES + 1 }));
  open.push(() => proxy.close());
  await connect(proxy.port);
  const healthy = await connect();
  const [lost, kept] = told("$connect");
  for (let n = 0; n < 3; n++) {
    const pinged = once(healthy, "ping");
    await clock.advance(30_000);
    await pinged;
    // Whatever the server has read by then, the answer to its ping is among it.
    healthy.send("{}");
    await vi.waitUntil(() => told("$default").length > n, { timeout: 60_000 });
  }
  await vi.waitUntil(() => told("$disconnect").includes(lost ?? ""), { timeout: 60_000 });
  expect(proxy.happened).toEqual(["half-open"]);
  expect(told("$disconnect")).not.toContain(kept);
  expect(healthy.readyState).toBe(healthy.OPEN);
});

/** Hands over frames of 30 KB, numbered by their event's seq, until the client is gone. */
function pour(sockets: LocalSockets, connectionId: string) {
  const poured = { frames: 0 };
  const one = async (): Promise<"sent" | "gone"> => {
    const event = { seq: poured.frames + 1, text: "x".repeat(30_000) };
    return sockets.post(connectionId, JSON.stringify({ type: "event", id: "s", event }));
  };
  const done = (async () => {
    while ((await one()) === "sent") poured.frames += 1;
  })();
  const isFull = () => vi.waitUntil(() => sockets.isFull(connectionId), { timeout: 60_000 });
  return { poured, done, isFull };
}

test("a reader that is slow, but reads, stays connected however late it answers a ping", async () => {
  const { clock, connect, sockets, told } = await begin();
  const client = await connect();
  let got = 0;
  client.on("message", () => {
    got += 1;
  });
  client.pause();
  const { poured, isFull } = pour(sockets, told("$connect")[0] ?? "");
  await isFull();
  for (let round = 1; round <= 6; round++) {
    const before = poured.frames;
    await clock.advance(20_000);
    client.resume();
    await vi.waitUntil(() => poured.frames > before && got >= round * 30, { timeout: 60_000, interval: 1 });
    client.pause();
    await isFull();
  }
  expect(told("$disconnect")).toEqual([]);
  expect(client.readyState).toBe(client.OPEN);
});

test("a reader that is stuck is told from where to go on if it goes on within 30 s after it was closed", async () => {
  const { clock, connect, sockets, told } = await begin();
  const client = await connect();
  const closed = once(client, "close") as Promise<[number, Buffer]>;
  let got = 0;
  client.on("message", () => {
    got += 1;
  });
  client.pause();
  // A ping is sent after 30 s; what is stuck begins to be before.
  await clock.advance(25_000);
  const { done, isFull } = pour(sockets, told("$connect")[0] ?? "");
  await isFull();
  for (let n = 0; n < 5; n++) await clock.advance(10_000);
  await done;
  client.resume();
  const [code, reason] = await closed;
  expect({ code, reason: String(reason) }).toEqual({ code: 4408, reason: `resume s after ${got}` });
});

test.each([
  { takes: "nothing of the little that waits is let go, for it may be gone", some: false },
  { takes: "some of the little that waits stays", some: true },
])("one that takes $takes", async ({ some }) => {
  const { clock, connect, sockets, accepted, told } = await begin();
  const client = await connect();
  client.pause();
  const [id = ""] = told("$connect");
  const frame = JSON.stringify({ type: "event", id: "s", event: { seq: 1, text: "x".repeat(30_000) } });
  const waiting = () => accepted.get(id)?.bufferedAmount ?? 0;
  while (waiting() < 900_000) await sockets.post(id, frame);
  expect(sockets.isFull(id)).toBe(false);
  await clock.advance(30_000);
  const asked = waiting();
  if (some) {
    client.resume();
    await vi.waitUntil(() => waiting() < asked, { timeout: 60_000, interval: 1 });
    client.pause();
  }
  let pinged = false;
  client.on("ping", () => {
    pinged = true;
  });
  await clock.advance(30_000);
  if (!some) await vi.waitUntil(() => told("$disconnect").includes(id), { timeout: 60_000 });
  expect({ disconnected: told("$disconnect"), pinged }).toEqual({ disconnected: some ? [] : [id], pinged: false });
});

test("frames of a connection are handled one after the other; while too many wait, none is read", async () => {
  let running = 0;
  let most = 0;
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const bodies: string[] = [];
  const { connect, told } = await begin(async ({ body = "" }) => {
    running += 1;
    most = Math.max(most, running);
    await gate;
    bodies.push(body);
    running -= 1;
  });
  const client = await connect();
  const frames = Array.from({ length: 2_000 }, (_, n) => `${n} ${"x".repeat(20_000)}`);
  for (const frame of frames) client.send(frame);
  await vi.waitUntil(() => told("$default").length === 1, { timeout: 60_000 });
  let before = -1;
  const standsStill = (): boolean => {
    const still = client.bufferedAmount === before;
    before = client.bufferedAmount;
    return still;
  };
  await vi.waitUntil(standsStill, { timeout: 60_000, interval: 200 });
  // The kernel's buffers hold a part of the 40 MB; the rest has not left the client.
  expect(client.bufferedAmount).toBeGreaterThan(15_000_000);
  go();
  await vi.waitUntil(() => bodies.length === frames.length, { timeout: 60_000 });
  expect(bodies).toEqual(frames);
  expect(most).toBe(1);
});

test("when the server stops, clients are told to come back, and it pings no more", async () => {
  const { clock, connect, server } = await begin();
  const client = await connect();
  const closed = once(client, "close");
  server.close();
  expect((await closed)[0]).toBe(1001);
  expect(clock.nextMs).toBeUndefined();
});
