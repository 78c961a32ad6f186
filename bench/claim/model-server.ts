import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { announce } from "../children.ts";
import { ANSWER_MS, AT_ONCE, WARM_UP } from "./limits.ts";

const ANSWER = "x".repeat(1_000);
const queue: ServerResponse[] = [];
let busy = 0;
const next = (): void => {
  if (busy >= AT_ONCE) return;
  const response = queue.shift();
  if (response === undefined) return;
  busy += 1;
  setTimeout(() => {
    busy -= 1;
    response.end(ANSWER);
    next();
  }, ANSWER_MS);
};
// Whoever asked is served, even if it has hung up: a model is not told that nobody listens any more.
const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  let body = "";
  request.setEncoding("utf8").on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    if ((JSON.parse(body) as { prompt: string }).prompt === WARM_UP) {
      response.end(WARM_UP);
      return;
    }
    queue.push(response);
    next();
  });
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => {
  announce(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
