import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/**
 * A model that takes its time, and speaks OpenAI's chat completions (streamed). An answer takes `ANSWER_MS` (5,000), give or
 * take a fifth. Where tools are offered it asks for one call of the calculator for each calculation in the question; when it
 * has their results, it answers with the first sentence of the first source and the results.
 *
 * A call is paid for when it is accepted, whoever hangs up: `GET /calls` lists them, so that one can see what was paid twice.
 * A question with the word "unspeakable" is refused with a 400, and one with "scribbled" gets calls whose arguments are no JSON.
 */
const ANSWER_MS = Number(process.env.ANSWER_MS ?? 5_000);
const PORT = Number(process.env.PORT ?? 9_000);
const CHUNKS = 20;

interface Message {
  readonly role: string;
  readonly content: string;
}
interface Call {
  readonly question: string;
  readonly round: "draft" | "answer";
  answered: boolean;
}
const calls: Call[] = [];

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  handle(request, response).catch(() => response.destroy());
});

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/calls") {
    json(response, 200, calls);
    return;
  }
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const { messages } = JSON.parse(body) as { messages: readonly Message[] };
  const prompt = messages.find(({ role }) => role === "user")?.content ?? "";
  const question = /^Question: (.*)$/m.exec(prompt)?.[1] ?? prompt;
  const results = messages.filter(({ role }) => role === "tool").map(({ content }) => content);
  const calculations = results.length > 0 ? [] : [...question.matchAll(/(\d+) ([*+]) (\d+)/g)];
  const call: Call = { question, round: calculations.length > 0 ? "draft" : "answer", answered: false };
  calls.push(call);
  if (question.includes("unspeakable")) {
    json(response, 400, { error: { message: "the model does not speak of that" } });
    return;
  }
  const text =
    calculations.length > 0
      ? "I look that up in the sources, and calculate what is asked for."
      : `${/^\[1\] [^:]+: ([^.]*\.)/m.exec(prompt)?.[1] ?? "The sources do not say."} [1] ${results.join(" ")}`.trim();
  const size = Math.ceil(text.length / CHUNKS);
  const chunkMs = latencyOf(call) / CHUNKS;
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  for (let start = 0; start < size * CHUNKS; start += size) {
    await pause(chunkMs);
    send(response, { content: text.slice(start, start + size) });
  }
  send(response, {
    tool_calls: calculations.map(([, a, operator, b], index) => ({
      index,
      id: `call-${index}`,
      type: "function",
      function: {
        name: "calculator",
        arguments: question.includes("scribbled")
          ? `{"a": ${a}, "oper`
          : JSON.stringify({ a: Number(a), operator, b: Number(b) }),
      },
    })),
  });
  response.end("data: [DONE]\n\n");
  call.answered = true;
}

/** The same for the same question, so that two runs can be compared; another one when it is asked again. */
function latencyOf({ question, round }: Call): number {
  const nth = calls.filter((call) => call.question === question && call.round === round).length;
  let hash = 0;
  for (const character of `${question}/${round}/${nth}`) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return ANSWER_MS * (0.8 + 0.4 * ((Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 32));
}

function send(response: ServerResponse, delta: object): void {
  if (!response.destroyed) response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`);
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

server.listen({ port: PORT, host: "127.0.0.1", backlog: 1_024 }, () => {
  console.log(`the model listens on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
