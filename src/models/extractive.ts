import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { type Conversation, extractiveAnswer } from "./extractive-answer.ts";
import { readGroundedPrompt } from "./grounded-prompt.ts";

/** There is no tokenizer in it: a token is counted as four characters, the usual average of English text. */
export const CHARS_PER_TOKEN = 4;
const WORDS_PER_CHUNK = 4;

/**
 * `embedded:extractive`: a model of the AI SDK that quotes instead of writing. It takes the prompts that
 * `groundedPrompt` makes, needs no key and no network, gives the same answer to the same prompt, and says what it
 * is. It asks for `calculator` and `read_document` when they are offered and the question needs them.
 *
 * Temperature and the like have no effect on it; `maxOutputTokens` has, with the finish reason `length`.
 */
export class ExtractiveModel implements LanguageModelV4 {
  readonly specificationVersion = "v4";
  readonly provider = "embedded";
  readonly modelId = "extractive";
  readonly supportedUrls = {};

  async doGenerate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    options.abortSignal?.throwIfAborted();
    return { ...respond(options), warnings: warningsOf(options) };
  }

  async doStream(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    options.abortSignal?.throwIfAborted();
    return { stream: ReadableStream.from(streamed(options)) };
  }
}

interface Response {
  readonly content: LanguageModelV4Content[];
  readonly finishReason: LanguageModelV4FinishReason;
  readonly usage: LanguageModelV4Usage;
}

async function* streamed(options: LanguageModelV4CallOptions): AsyncGenerator<LanguageModelV4StreamPart> {
  const { content, finishReason, usage } = respond(options);
  yield { type: "stream-start", warnings: warningsOf(options) };
  for (const part of content) {
    if (part.type === "text") {
      yield { type: "text-start", id: "answer" };
      for (const delta of chunksOf(part.text)) {
        options.abortSignal?.throwIfAborted();
        yield { type: "text-delta", id: "answer", delta };
      }
      yield { type: "text-end", id: "answer" };
    } else if (part.type === "tool-call") yield part;
  }
  yield { type: "finish", finishReason, usage };
}

function respond({ prompt, tools, toolChoice, maxOutputTokens }: LanguageModelV4CallOptions): Response {
  const offered = toolChoice?.type === "none" ? [] : (tools ?? []).filter((tool) => tool.type === "function");
  const answer = extractiveAnswer(conversationOf(prompt, new Set(offered.map(({ name }) => name))));
  const inputTokens = tokens(promptText(prompt));
  if (answer.kind === "tools") {
    const content = answer.calls.map(({ name, input }, index) => ({
      type: "tool-call" as const,
      toolCallId: `call-${index + 1}`,
      toolName: name,
      input: JSON.stringify(input),
    }));
    return {
      content,
      finishReason: { unified: "tool-calls", raw: undefined },
      usage: usageOf(inputTokens, 0, tokens(JSON.stringify(content))),
    };
  }
  const most = maxOutputTokens === undefined ? Number.POSITIVE_INFINITY : maxOutputTokens * CHARS_PER_TOKEN;
  const text = answer.text.slice(0, most);
  return {
    content: [{ type: "text", text }],
    finishReason: { unified: text.length < answer.text.length ? "length" : "stop", raw: undefined },
    usage: usageOf(inputTokens, tokens(text), tokens(text)),
  };
}

/** The question is the last that the user said; what tools answered stands behind it. */
function conversationOf(prompt: LanguageModelV4Prompt, tools: ReadonlySet<string>): Conversation {
  const asked = prompt.findLastIndex(({ role }) => role === "user");
  const message = prompt[asked];
  const text =
    message?.role === "user"
      ? message.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n")
      : "";
  const results = prompt
    .slice(asked + 1)
    .flatMap((later) => (later.role === "tool" ? later.content : []))
    .flatMap((part) => (part.type === "tool-result" ? [{ tool: part.toolName, ...resultOf(part.output) }] : []));
  return { ...readGroundedPrompt(text), tools, results };
}

function resultOf(output: LanguageModelV4ToolResultOutput): { output: unknown; isError: boolean } {
  switch (output.type) {
    case "text":
    case "json":
      return { output: output.value, isError: false };
    case "error-text":
    case "error-json":
      return { output: output.value, isError: true };
    case "execution-denied":
      return { output: output.reason ?? "it was not allowed to run", isError: true };
    case "content":
      return {
        output: output.value.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n"),
        isError: false,
      };
  }
}

const promptText = (prompt: LanguageModelV4Prompt): string =>
  prompt
    .map(({ content }) =>
      typeof content === "string"
        ? content
        : content.map((part) => (part.type === "text" ? part.text : JSON.stringify(part))).join("\n"),
    )
    .join("\n");

const tokens = (text: string): number => Math.ceil(text.length / CHARS_PER_TOKEN);

const usageOf = (input: number, text: number, output: number): LanguageModelV4Usage => ({
  inputTokens: { total: input, noCache: input, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: output, text, reasoning: undefined },
});

const warningsOf = ({ responseFormat }: LanguageModelV4CallOptions): LanguageModelV4GenerateResult["warnings"] =>
  responseFormat?.type === "json"
    ? [{ type: "unsupported", feature: "responseFormat", details: "it answers in text" }]
    : [];

/** Groups of words with the white space behind them; joined, they are the text. */
const chunksOf = (text: string): string[] =>
  text.match(new RegExp(String.raw`\s*(?:\S+\s*){1,${WORDS_PER_CHUNK}}`, "g")) ?? [];
