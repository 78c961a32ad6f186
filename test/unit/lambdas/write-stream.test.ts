import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { writeStream } from "../../../lambdas/write-stream.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";

/** A reader who takes bytes when it is told to. */
function reader(highWaterMark = 16) {
  const waiting: (() => void)[] = [];
  const chunks: Buffer[] = [];
  const stream = new Writable({
    highWaterMark,
    write(chunk: Buffer, _, done) {
      chunks.push(chunk);
      waiting.push(done);
    },
  });
  return { stream, chunks, take: () => waiting.shift()?.() };
}

function endless(piece: string) {
  const made = { pieces: 0, closed: false };
  async function* pieces(): AsyncGenerator<string> {
    try {
      for (;;) {
        made.pieces += 1;
        yield piece;
      }
    } finally {
      made.closed = true;
    }
  }
  return { made, pieces: pieces() };
}

test("takes no more than the reader does, and cuts off one that takes nothing for 30 s", async () => {
  const clock = new VirtualClock();
  const { stream, take } = reader();
  const { made, pieces } = endless("x".repeat(20));
  const end = writeStream(pieces, stream, clock);
  await clock.advance(29_999);
  expect(made.pieces).toBe(1);
  take();
  await clock.advance(29_999);
  expect({ ...made, destroyed: stream.destroyed }).toEqual({ pieces: 2, closed: false, destroyed: false });
  await clock.advance(1);
  expect(await end).toBe("stalled");
  expect({ ...made, destroyed: stream.destroyed }).toEqual({ pieces: 2, closed: true, destroyed: true });
  expect(clock.nextMs).toBeUndefined();
});

test.each(["stalled", "written", "gone"] as const)(
  "the last bytes are waited for as long as any others: %s",
  async (expected) => {
    const clock = new VirtualClock();
    const { stream, take } = reader();
    const last = (async function* () {
      yield "x";
    })();
    const end = writeStream(last, stream, clock);
    await clock.advance(29_999);
    expect(stream.writableEnded).toBe(true);
    if (expected === "written") take();
    if (expected === "gone") stream.destroy();
    await clock.advance(1);
    expect(await end).toBe(expected);
    expect(stream.destroyed).toBe(true);
    expect(clock.nextMs).toBeUndefined();
  },
);

test("an HTTP reader that leaves only the last bytes is cut off", async () => {
  const clock = new VirtualClock();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1").pause();
  client.on("error", () => {});
  client.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const [, response] = (await once(server, "request")) as [IncomingMessage, ServerResponse];
  /** As much as the kernel takes, and a little more. */
  async function* pieces(): AsyncGenerator<string> {
    do {
      yield "x".repeat(8_192);
      await turn();
    } while (response.writableLength === 0);
  }
  const closed = once(response, "close");
  const end = writeStream(pieces(), response, clock);
  await vi.waitUntil(() => response.writableEnded, { timeout: 60_000 });
  expect({ finished: response.writableFinished, left: response.writableLength > 0 }).toEqual({
    finished: false,
    left: true,
  });
  await clock.advance(30_000);
  expect(await end).toBe("stalled");
  await closed;
  client.destroy();
  server.close();
});

test("stops at once when the reader has gone", async () => {
  const { stream } = reader();
  const { made, pieces } = endless("x".repeat(20));
  const end = writeStream(pieces, stream, new VirtualClock());
  await settle();
  stream.destroy();
  expect(await end).toBe("gone");
  expect(made.closed).toBe(true);
  expect(stream.listenerCount("drain") + stream.listenerCount("close")).toBe(0);
});

test("writes large pieces in slices, and characters whole", async () => {
  const { stream, chunks, take } = reader(1);
  const large = "é✓𝄞".repeat(40_000);
  const end = writeStream(
    (async function* () {
      yield large;
    })(),
    stream,
    new VirtualClock(),
  );
  while (!stream.writableFinished) {
    await settle();
    take();
  }
  expect(await end).toBe("written");
  expect(Math.max(...chunks.map(({ length }) => length))).toBe(65_536);
  expect(Buffer.concat(chunks).toString() === large).toBe(true);
});

test("does not end a stream in order whose pieces fail: its reader must not take it for complete", async () => {
  const { stream } = reader();
  const failing = (async function* () {
    yield "one";
    throw new Error("the log cannot be read");
  })();
  await expect(writeStream(failing, stream, new VirtualClock())).rejects.toThrow("the log cannot be read");
  expect({ destroyed: stream.destroyed, ended: stream.writableEnded }).toEqual({ destroyed: true, ended: false });
});
