import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  /** Of the request: a receiver may stand for several URLs. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers the n-th request of a path, 1 for the first. @default 204 */
export type Answer = (response: ServerResponse, n: number, received: Received) => void;

/** Somebody on this machine who is sent webhooks. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly received: readonly Received[];
  /** Where they were sent, as `URL.pathname` has it. */
  at(path: string): readonly Received[];
  /** Resolves when so many requests of a path were received whole. */
  until(path: string, count: number): Promise<readonly Received[]>;
}

export async function startReceiver(answer: Answer = (response) => response.writeHead(204).end()): Promise<Receiver> {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const at = (path: string) => received.filter((each) => each.path === path);
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      const path = new URL(request.url ?? "/", "http://localhost").pathname;
      const one = { path, headers: request.headers, body };
      received.push(one);
      answer(response, at(path).length, one);
      for (const look of waiting) look();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    at,
    until: (path, count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (at(path).length < count) return;
          waiting.delete(look);
          resolve(at(path));
        };
        waiting.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
