import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { announce, optionsOfChild } from "../children.ts";

/** A model that streams as OpenAI's chat completions do: its first token after a while, then one after the other. */
export interface StreamOptions {
  readonly firstMs: number;
  readonly everyMs: number;
  readonly tokens: number;
}

const { firstMs, everyMs, tokens } = optionsOfChild<StreamOptions>();
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const server = createServer(async (request, response) => {
  for await (const _ of request);
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (chunk: object): void =>
    void response.write(`data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", ...chunk })}\n\n`);
  await pause(firstMs);
  for (let token = 0; token < tokens; token++) {
    if (token > 0) await pause(everyMs);
    send({ choices: [{ index: 0, delta: { content: `word${token} ` }, finish_reason: null }] });
  }
  send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  send({ choices: [], usage: { prompt_tokens: 3, completion_tokens: tokens, total_tokens: 3 + tokens } });
  response.end("data: [DONE]\n\n");
});
server.listen(0, "127.0.0.1", () => announce(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
