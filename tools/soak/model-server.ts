import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { announce, optionsOfChild } from "../../bench/children.ts";
import { type Ask, answerTo, askIn } from "./ask.ts";
import { type Fate, fateOf } from "./fate.ts";
import type { ModelCall, ModelNotice } from "./model-call.ts";

/**
 * A model as a process of its own that speaks OpenAI's chat completions, streamed or not, and keeps every call that it was
 * asked for. `POST /gN/v1/chat/completions` is the engine's Nth process; `GET /calls` gives what was kept.
 */
const { seed } = optionsOfChild<{ seed: number }>();
const calls: ModelCall[] = [];
const perStep = new Map<string, number>();

interface ChatRequest {
  readonly stream?: boolean;
  readonly messages: readonly { readonly role: string; readonly content?: unknown }[];
  readonly tools?: readonly unknown[];
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  // What becomes of a call is in its record; a caller that is killed is nothing to report.
  handle(request, response).catch((error: unknown) => {
    if (!request.destroyed && !response.destroyed) console.error(error);
    response.destroy();
  });
});

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/calls") {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(calls));
    return;
  }
  const generation = /^\/g(\d+)\/v1\/chat\/completions$/.exec(request.url ?? "")?.[1];
  if (generation === undefined) {
    response.writeHead(404).end();
    return;
  }
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const chat = JSON.parse(body) as ChatRequest;
  const ask = askIn(userText(chat));
  const key = `${ask.job}/${ask.step}`;
  const nth = (perStep.get(key) ?? 0) + 1;
  perStep.set(key, nth);
  const attempt = request.headers["x-soak-attempt"];
  const call: ModelCall = {
    job: ask.job,
    step: ask.step,
    generation: Number(generation),
    ...(attempt === undefined ? {} : { attempt: Number(attempt) }),
    acceptedMs: Date.now(),
    outcome: "open",
  };
  calls.push(call);
  await meet(fateOf(seed, ask, nth), ask, chat, call, response);
}

async function meet(fate: Fate, ask: Ask, chat: ChatRequest, call: ModelCall, response: ServerResponse): Promise<void> {
  switch (fate.kind) {
    case "throttles":
      call.outcome = "throttled";
      return refuse(response, 429, "slow down", { "retry-after": String(fate.retryAfterS) });
    case "fails":
      call.outcome = "failed";
      return refuse(response, 500, "the model's server has a bad day");
    case "refuses":
      call.outcome = "refused";
      return refuse(response, 400, "this request is not what the model takes");
    case "hangs":
      call.outcome = "hung";
      if (chat.stream) begin(response);
      return;
    case "breaks-off":
      call.outcome = "broken";
      if (chat.stream) send(response, delta({ content: answerTo(ask).slice(0, 10) }));
      await pause(fate.chunkMs);
      response.destroy();
      return;
    case "answers":
      return answer(fate, ask, chat, call, response);
  }
}

async function answer(
  { chunks, chunkMs }: { readonly chunks: number; readonly chunkMs: number },
  ask: Ask,
  chat: ChatRequest,
  call: ModelCall,
  response: ServerResponse,
): Promise<void> {
  const text = answerTo(ask);
  const usage = { prompt_tokens: 10, completion_tokens: chunks, total_tokens: 10 + chunks };
  const size = Math.ceil(text.length / chunks);
  if (chat.stream) begin(response);
  for (let index = 0; index < chunks; index++) {
    await pause(chunkMs);
    if (response.destroyed) {
      call.outcome = "abandoned";
      return;
    }
    if (chat.stream) send(response, delta({ content: text.slice(index * size, (index + 1) * size) }));
    tell("streaming");
  }
  call.outcome = "answered";
  call.answeredMs = Date.now();
  if (chat.stream) {
    const wantsTools = (chat.tools?.length ?? 0) > 0 && !chat.messages.some(({ role }) => role === "tool");
    const last = wantsTools ? delta({ tool_calls: TOOL_CALLS }, "tool_calls") : delta({}, "stop");
    send(response, last, { choices: [], usage });
    response.end("data: [DONE]\n\n");
  } else {
    const choices = [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }];
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ id: "c1", object: "chat.completion", choices, usage }));
  }
  tell("answered");
}

/** The tools that it asks for wherever some are offered. */
const TOOL_CALLS = ["12 * (3 + 4)", "2 ^ 10"].map((expression, index) => ({
  index,
  id: `call-${index}`,
  type: "function",
  function: { name: "calculator", arguments: JSON.stringify({ expression }) },
}));

function userText({ messages }: ChatRequest): string {
  const content = messages.find(({ role }) => role === "user")?.content;
  return typeof content === "string" ? content : ((content as { text: string }[] | undefined)?.[0]?.text ?? "");
}

function begin(response: ServerResponse): void {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
}

function send(response: ServerResponse, ...events: readonly object[]): void {
  begin(response);
  for (const event of events) {
    response.write(`data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", ...event })}\n\n`);
  }
}

const delta = (value: object, finishReason: string | null = null) => ({
  choices: [{ index: 0, delta: value, finish_reason: finishReason }],
});

function refuse(response: ServerResponse, status: number, message: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ error: { message, type: "error", code: null } }));
}

const tell = (notice: ModelNotice): void => void process.send?.({ notice });

server.listen(0, "127.0.0.1", () => announce(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
