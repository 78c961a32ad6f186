import { Agent, createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { announce, optionsOfChild } from "../children.ts";

/** A gateway as clouds have them: passes requests on, and answers 504 itself when the answer takes too long. */
const { upstream, timeoutMs } = optionsOfChild<{ upstream: string; timeoutMs: number }>();
const { hostname, port } = new URL(upstream);
const agent = new Agent({ keepAlive: true });

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  let over = false;
  const answer = (status: number, body = ""): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    response.writeHead(status, { "content-length": Buffer.byteLength(body) }).end(body);
  };
  // The handler goes on working for nobody, as a Lambda function behind an API Gateway does.
  const timer = setTimeout(() => answer(504), timeoutMs);
  const { method, url: path, headers } = request;
  const call = httpRequest({ hostname, port, method, path, headers, agent }, (reply) => {
    let body = "";
    reply.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    reply.on("end", () => answer(reply.statusCode ?? 502, body));
    reply.on("error", () => answer(502));
  });
  call.on("error", () => answer(502));
  request.pipe(call);
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => {
  announce(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
