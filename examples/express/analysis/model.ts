import { EventSourceParserStream } from "eventsource-parser/stream";
import type { Passage } from "./retrieve.ts";
import { type Finding, TOOLS, type ToolCall } from "./tools.ts";

export interface Completion {
  readonly text: string;
  readonly toolCalls: ToolCall[];
}

/** What the model is asked: a question about passages, and in the second round what its tools have found. */
export interface Prompt {
  readonly question: string;
  readonly passages: Passage[];
  readonly round?: { readonly draft: Completion; readonly findings: Finding[] };
}

/** The model will not answer this, however often it is asked. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

interface Chunk {
  readonly choices: readonly {
    readonly delta: {
      readonly content?: string;
      readonly tool_calls?: readonly { readonly id: string; readonly function: Omit<ToolCall, "id"> }[];
    };
  }[];
}

interface Options {
  readonly signal?: AbortSignal;
  /** Is given the answer's text bit by bit, as it comes. */
  readonly onText?: (text: string) => void;
}

/** One call of a model that speaks OpenAI's chat completions, at `MODEL_URL`. */
export async function complete(prompt: Prompt, { signal, onText }: Options = {}): Promise<Completion> {
  const response = await fetch(`${process.env.MODEL_URL ?? "http://127.0.0.1:9000"}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "slow", stream: true, tools: TOOLS, messages: messagesOf(prompt) }),
    signal: signal ?? null,
  });
  if (response.status === 400) throw new RefusedError(await response.text());
  if (!response.ok || response.body === null) throw new Error(`the model answered ${response.status}`);
  let text = "";
  const toolCalls: ToolCall[] = [];
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { data } of events) {
    if (data === "[DONE]") return { text, toolCalls };
    const { content, tool_calls = [] } = (JSON.parse(data) as Chunk).choices[0]?.delta ?? {};
    for (const { id, function: call } of tool_calls) toolCalls.push({ id, ...call });
    if (!content) continue;
    text += content;
    onText?.(content);
  }
  throw new Error("the model's answer broke off");
}

function messagesOf({ question, passages, round }: Prompt): object[] {
  const sources = passages.map(({ path, text }, index) => `[${index + 1}] ${path}: ${text}`).join("\n");
  const messages = [
    { role: "system", content: "You answer from the sources, and cite them by number. Be brief." },
    { role: "user", content: `${sources}\n\nQuestion: ${question}` },
  ];
  if (round === undefined) return messages;
  const { draft, findings } = round;
  const calls = draft.toolCalls.map(({ id, ...call }) => ({ id, type: "function", function: call }));
  return [
    ...messages,
    { role: "assistant", content: draft.text, tool_calls: calls },
    ...findings.map(({ id, text }) => ({ role: "tool", tool_call_id: id, content: text })),
  ];
}
