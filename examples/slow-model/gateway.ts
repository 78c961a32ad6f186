import { Agent, createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * What stands in front of a service in a cloud: passes requests on to `UPSTREAM`, and bytes back as they come. After `LIMIT_MS`
 * (10,000) it answers 504 itself, or cuts off an answer that has begun; the service is not told, and works on.
 * `GET /gateway/counts` says how many requests are open, how many were at most, and how many answers had which status.
 */
const UPSTREAM = new URL(process.env.UPSTREAM ?? "http://127.0.0.1:3000");
const LIMIT_MS = Number(process.env.LIMIT_MS ?? 10_000);
const PORT = Number(process.env.PORT ?? 8_080);

const agent = new Agent({ keepAlive: true });
const counts = { open: 0, peak: 0, answers: {} as Record<number, number> };

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  if (request.url === "/gateway/counts") {
    response.setHeader("content-type", "application/json").end(JSON.stringify(counts));
    return;
  }
  counts.open += 1;
  counts.peak = Math.max(counts.peak, counts.open);
  const { method, url: path, headers } = request;
  const call = httpRequest({ hostname: UPSTREAM.hostname, port: UPSTREAM.port, method, path, headers, agent });
  let streams = false;
  const begin = (status: number, head = {}): void => {
    counts.answers[status] = (counts.answers[status] ?? 0) + 1;
    response.writeHead(status, head).flushHeaders();
  };
  const giveUp = (status: number): void => {
    if (response.headersSent) response.destroy();
    else begin(status);
    response.end();
  };
  const timer = setTimeout(() => giveUp(504), LIMIT_MS);
  call.on("response", (reply) => {
    // Too late: nobody reads it any more.
    if (response.headersSent || response.destroyed) return void reply.resume();
    streams = reply.headers["content-type"]?.startsWith("text/event-stream") ?? false;
    begin(reply.statusCode ?? 502, reply.headers);
    reply.on("error", () => response.destroy()).pipe(response);
  });
  call.on("error", () => giveUp(502));
  response.on("close", () => {
    counts.open -= 1;
    clearTimeout(timer);
    // A stream that nobody reads any more is closed; an answer that is being worked on is not.
    if (streams) call.destroy();
  });
  request.pipe(call);
});

server.listen({ port: PORT, host: "127.0.0.1", backlog: 1_024 }, () => {
  console.log(`the gateway listens on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
