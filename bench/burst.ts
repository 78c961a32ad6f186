import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Answer } from "./http-client.ts";

export interface Burst {
  /** When the requests were written, in ms of this process's clock. */
  readonly startedMs: number;
  readonly answers: readonly Answer[];
}

const ACCEPT_MS = 300;

/**
 * The same POST from `users` connections in one instant. The connections are open before: what is measured is how long
 * the answer takes, not how fast one process makes connections. Written on bare sockets so that the load costs little
 * next to what it loads.
 */
export async function burst(url: string, path: string, body: unknown, users: number): Promise<Burst> {
  const { hostname, port, host } = new URL(url);
  const text = JSON.stringify(body);
  const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n`;
  const sockets = Array.from({ length: users }, () => connect({ host: hostname, port: Number(port), noDelay: true }));
  try {
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    // The kernel says "connected" before the server has accepted; Node accepts one connection a turn of its event loop.
    await pause(ACCEPT_MS);
    const startedMs = performance.now();
    const answers = await Promise.all(sockets.map((socket) => exchange(socket, head + text, startedMs)));
    return { startedMs, answers };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** Writes a request and reads one answer, which must have a Content-Length. */
function exchange(socket: Socket, request: string, startedMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let received = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      received += chunk;
      let answer: ReturnType<typeof parse>;
      try {
        answer = parse(received);
      } catch (error) {
        reject(error);
      }
      if (answer) resolve({ ...answer, ms: performance.now() - startedMs });
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the connection closed before the answer was complete")));
    socket.write(request);
  });
}

function parse(received: string): { status: number; body: string } | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = received.slice(0, end);
  const body = received.slice(end + 4);
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without Content-Length: ${head}`);
  return body.length >= Number(length) ? { status: Number(head.slice(9, 12)), body } : undefined;
}
