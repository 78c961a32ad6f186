import { connect, type Socket } from "node:net";
import { once } from "node:events";
import type { Answer } from "./http-client.ts";

/**
 * The same POST from `users` connections in one instant. The connections are open before: what is measured is how long
 * the answer takes, not how fast one process makes connections. Written on bare sockets so that the load costs little
 * next to what it loads.
 */
export async function burst(url: string, path: string, body: unknown, users: number): Promise<Answer[]> {
  const { hostname, port, host } = new URL(url);
  const text = JSON.stringify(body);
  const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n`;
  const sockets = Array.from({ length: users }, () => connect({ host: hostname, port: Number(port), noDelay: true }));
  try {
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    const startedMs = performance.now();
    return await Promise.all(sockets.map((socket) => exchange(socket, head + text, startedMs)));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** Writes a request and reads one answer with a Content-Length or in chunks. */
function exchange(socket: Socket, request: string, startedMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let received = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      received += chunk;
      const answer = parse(received);
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
  const status = Number(head.slice(9, 12));
  const rest = received.slice(end + 4);
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length !== undefined) return rest.length >= Number(length) ? { status, body: rest.slice(0, Number(length)) } : undefined;
  if (!rest.endsWith("0\r\n\r\n")) return undefined;
  return { status, body: rest.replaceAll(/[0-9a-f]+\r\n([\s\S]*?)\r\n(?=[0-9a-f]+\r\n)/g, "$1").replace(/0\r\n\r\n$/, "") };
}
