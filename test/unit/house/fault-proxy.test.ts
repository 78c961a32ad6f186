import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fault, startFaultProxy } from "../../channels/fault-proxy.ts";

const TEXT = "0123456789".repeat(50);
const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.end(TEXT);
});

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => void server.close());

/** What a client gets through the faults: its text, and how the connection ended. */
async function through(...faults: Fault[]) {
  const proxy = await startFaultProxy((server.address() as AddressInfo).port, () => faults.shift());
  const chunks: string[] = [];
  const socket: Socket = connect(proxy.port, "127.0.0.1");
  socket.on("data", (chunk) => chunks.push(chunk.toString()));
  const ended = new Promise<string>((resolve) => {
    socket.on("end", () => resolve("end"));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
  });
  return { proxy, socket, chunks, ended };
}

const latency: Fault = { kind: "latency", atByte: 7, delayMs: 2 };
const stall: Fault = { kind: "stall", atByte: 0, delayMs: 2 };
const slice: Fault = { kind: "slice", atByte: 100, bytes: 3 };

test.each<{ faults: readonly Fault[] }>([
  { faults: [] },
  { faults: [latency] },
  { faults: [stall] },
  { faults: [slice] },
  { faults: [slice, stall, latency, stall] },
])("everything comes through $faults", async ({ faults }) => {
  const { proxy, chunks, ended } = await through(...faults);
  expect(await ended).toBe("end");
  expect(chunks.join("")).toBe(TEXT);
  expect(proxy.happened).toEqual(faults.map(({ kind }) => kind));
  await proxy.close();
});

test("a fault comes so many bytes after the one before", async () => {
  const { proxy, chunks, ended } = await through(latency, stall, { ...slice, bytes: 20 }, { kind: "cut", atByte: 50 });
  expect(await ended).toBe("end");
  expect(chunks.join("")).toBe(TEXT.slice(0, 7 + 0 + 100 + 50));
  expect(proxy.happened).toEqual(["latency", "stall", "slice", "cut"]);
  await proxy.close();
});

test("one that its connection does not live to see has not happened", async () => {
  const { proxy, ended } = await through({ kind: "cut", atByte: TEXT.length });
  expect(await ended).toBe("end");
  expect(proxy.happened).toEqual([]);
  await proxy.close();
});

test("a cut ends in order after its bytes, a reset with an error", async () => {
  const cut = await through({ kind: "cut", atByte: 123 });
  expect(await cut.ended).toBe("end");
  expect(cut.chunks.join("")).toBe(TEXT.slice(0, 123));
  const reset = await through({ kind: "reset", atByte: 123 });
  expect(await reset.ended).toBe("ECONNRESET");
  await Promise.all([cut.proxy.close(), reset.proxy.close()]);
});

test("of a half-open connection nobody is told", async () => {
  const { proxy, socket, chunks } = await through({ kind: "half-open", atByte: 10 });
  while (chunks.join("").length < 10) await once(socket, "data");
  await new Promise<void>((resolve) => void setImmediate(resolve));
  expect(chunks.join("")).toBe(TEXT.slice(0, 10));
  expect(socket.readableEnded).toBe(false);
  expect(proxy.happened).toEqual(["half-open"]);
  socket.destroy();
  await proxy.close();
});
