import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { announce, optionsOfChild } from "../children.ts";
import { HttpClient } from "../http-client.ts";

/** What Sluice replaces: a handler that calls the model twice and answers when it has both. */
const { modelUrl } = optionsOfChild<{ modelUrl: string }>();
const model = new HttpClient(modelUrl);

async function analyse(query: string): Promise<string> {
  const draft = await model.post("/", { prompt: query });
  const answer = await model.post("/", { prompt: draft.body });
  return answer.body;
}

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  let body = "";
  request.setEncoding("utf8").on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    const { query } = JSON.parse(body) as { query: string };
    analyse(query).then(
      (answer) => response.end(JSON.stringify({ answer })),
      () => response.writeHead(502).end(),
    );
  });
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => {
  announce(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
