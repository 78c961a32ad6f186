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
  const server = new SocketServer({
    async handler(event) {
      events.push(event);
      if (event.requestContext.routeKey === "$default") await handle(event);
      return { statusCode: 200 };
    },
    sockets: new LocalSockets(clock),
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
