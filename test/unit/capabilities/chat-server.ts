import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Handler = (response: ServerResponse, request: IncomingMessage) => void;

export interface ChatServer extends AsyncDisposable {
  /** As a model name: `openai-compatible:http://127.0.0.1:PORT/v1#test`. */
  readonly model: string;
  readonly requests: { readonly body: ChatRequest; readonly headers: IncomingMessage["headers"] }[];
}

export interface ChatRequest {
  readonly messages: readonly { readonly role: string; readonly content?: unknown; readonly tool_calls?: unknown }[];
  readonly tools?: readonly { readonly function: { readonly name: string; readonly parameters: object } }[];
  readonly tool_choice?: unknown;
  readonly max_tokens?: number;
}

/** A server that speaks the streaming protocol of OpenAI's chat completions and answers as told. */
export async function chatServer(handle: Handler): Promise<ChatServer> {
  const requests: ChatServer["requests"] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    requests.push({ body: JSON.parse(body), headers: request.headers });
    handle(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    model: `openai-compatible:http://127.0.0.1:${port}/v1#test`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends one server-sent event per chunk; a `delta` or a whole `choice`, or the usage. */
export function send(response: ServerResponse, ...chunks: readonly object[]): void {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
  for (const chunk of chunks)
    response.write(`data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", ...chunk })}\n\n`);
}

export const delta = (value: object, finishReason: string | null = null) => ({
  choices: [{ index: 0, delta: value, finish_reason: finishReason }],
});
export const usage = (prompt: number, completion: number) => ({
  choices: [],
  usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
});

export function end(response: ServerResponse): void {
  response.end("data: [DONE]\n\n");
}

/** Answers with an error as providers do. */
export const fail =
  (status: number, message: string, headers: Readonly<Record<string, string>> = {}): Handler =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ error: { message, type: "error", code: null } }));
  };
