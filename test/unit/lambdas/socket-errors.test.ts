import { expect, test } from "vitest";
import { receive, type SocketDeps } from "../../../lambdas/socket/socket.ts";
import { MAX_FRAME_BYTES } from "../../../src/contract/socket.ts";
import { MemorySubscribers } from "../../../src/engines/embedded/memory-subscribers.ts";

const QUOTES = '\\"'.repeat(16_000);

test.each([
  ["a job's id", `{"type":"subscribe","id":"a","jobId":"${QUOTES}"}`],
  ["a member", `{"type":"ping","${QUOTES}":1}`],
  ["a text that is no JSON", `{"${QUOTES}`],
])("what is said of %s that fills a frame fits into a frame", async (_, text) => {
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_FRAME_BYTES);
  const subscribers = new MemorySubscribers();
  await subscribers.connect({ id: "c", tenant: "acme" as never, expiresMs: Number.MAX_SAFE_INTEGER });
  const frames: string[] = [];
  const sockets = {
    async post(_: string, frame: string) {
      frames.push(frame);
      return "sent";
    },
    close: () => {},
  };
  await receive({ connectionId: "c", text, isBinary: false }, { subscribers, sockets } as unknown as SocketDeps);
  expect(frames.map((frame) => JSON.parse(frame))).toMatchObject([{ type: "error", problem: { status: 400 } }]);
  expect(Buffer.byteLength(frames[0] ?? "")).toBeLessThanOrEqual(MAX_FRAME_BYTES);
});
