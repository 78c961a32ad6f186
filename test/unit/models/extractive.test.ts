import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import { describe, expect, it } from "vitest";
import { ExtractiveModel } from "../../../src/models/extractive.ts";
import { documentNamedIn, EXTRACTIVE_NOTICE } from "../../../src/models/extractive-answer.ts";
import { groundedPrompt } from "../../../src/models/grounded-prompt.ts";

const QUEUES =
  "A message is hidden for thirty seconds after it was received. Queues can be encrypted with a key. Each queue has a name.";
const TOPICS =
  "```ts\nnew Topic();\n```\nA topic copies each message to all of its subscribers. Topics do not keep messages.";
const passage = (path: string, title: string, text: string) => ({
  path,
  title,
  text,
  score: 1,
  start: 0,
  end: text.length,
});
const PASSAGES = [passage("queues.md", "Queues", QUEUES), passage("topics.md", "Topics", TOPICS)];
const toolOf = (name: string): LanguageModelV4FunctionTool => ({
  type: "function",
  name,
  inputSchema: { type: "object" },
});
const TOOLS = [toolOf("calculator"), toolOf("read_document")];

const user = (text: string): LanguageModelV4Prompt => [{ role: "user", content: [{ type: "text", text }] }];
const ask = (question: string, options: Partial<LanguageModelV4CallOptions> = {}) =>
  new ExtractiveModel().doGenerate({ prompt: user(groundedPrompt(question, PASSAGES)), ...options });
async function textOf(...args: Parameters<typeof ask>): Promise<string> {
  return (await ask(...args)).content.map((part) => (part.type === "text" ? part.text : "")).join("");
}
async function callsOf(...args: Parameters<typeof ask>) {
  return (await ask(...args)).content.flatMap((part) =>
    part.type === "tool-call" ? [[part.toolName, JSON.parse(part.input)]] : [],
  );
}

describe("ExtractiveModel", () => {
  it("says what it is, and quotes the sentence that answers best with its source's marker", async () => {
    const text = await textOf("How long is a message hidden?");
    expect(
      text.startsWith(`${EXTRACTIVE_NOTICE}\n\n"A message is hidden for thirty seconds after it was received." [1]`),
    ).toBe(true);
  });

  it("answers another question from another source", async () => {
    expect(await textOf("Who gets copies from a topic?")).toContain(
      '"A topic copies each message to all of its subscribers." [2]',
    );
  });

  it("quotes nothing that the sources do not say, word by word", async () => {
    for (const question of ["What is a queue?", "Do topics keep messages?", "What can be encrypted?"]) {
      const quotes = [...(await textOf(question)).matchAll(/"([^"]+)" \[(\d)\]/g)];
      expect(quotes.length).toBeGreaterThan(0);
      for (const [, quote, id] of quotes) expect(PASSAGES[Number(id) - 1]?.text).toContain(quote);
    }
  });

  it("says plainly when the sources do not answer", async () => {
    expect(await textOf("How is chocolate cake baked?")).toMatch(
      /no language model was called.*found nothing in the sources/,
    );
    expect(await textOf("Which message did the baker send with the chocolate cake?")).toContain("found nothing");
    const nothing = await new ExtractiveModel().doGenerate({ prompt: user("hello") });
    expect(nothing.content).toMatchObject([{ type: "text", text: expect.stringContaining("found nothing") }]);
  });

  it("streams what it would answer at once, in several chunks", async () => {
    const options = { prompt: user(groundedPrompt("How long is a message hidden?", PASSAGES)) };
    const { stream } = await new ExtractiveModel().doStream(options);
    const parts: LanguageModelV4StreamPart[] = [];
    for await (const part of stream) parts.push(part);
    const deltas = parts.flatMap((part) => (part.type === "text-delta" ? [part.delta] : []));
    const whole = await new ExtractiveModel().doGenerate(options);
    expect(deltas.length).toBeGreaterThan(4);
    expect(deltas.join("")).toBe(await textOf("How long is a message hidden?"));
    expect(parts.at(-1)).toEqual({ type: "finish", finishReason: whole.finishReason, usage: whole.usage });
  });

  it("counts a token for each four characters of prompt and answer", async () => {
    const { usage } = await ask("How long is a message hidden?");
    const prompt = groundedPrompt("How long is a message hidden?", PASSAGES);
    expect(usage.inputTokens.total).toBe(Math.ceil(prompt.length / 4));
    expect(usage.outputTokens.total).toBe(Math.ceil((await textOf("How long is a message hidden?")).length / 4));
  });

  it("stops at maxOutputTokens and says so", async () => {
    const { finishReason, usage } = await ask("How long is a message hidden?", { maxOutputTokens: 10 });
    expect(finishReason.unified).toBe("length");
    expect(usage.outputTokens.total).toBe(10);
    expect((await ask("How long is a message hidden?", { maxOutputTokens: 10_000 })).finishReason.unified).toBe("stop");
  });

  it("stops when it is aborted, also in the middle of its answer", async () => {
    const controller = new AbortController();
    const { stream } = await new ExtractiveModel().doStream({
      prompt: user(groundedPrompt("How long is a message hidden?", PASSAGES)),
      abortSignal: controller.signal,
    });
    const read = async () => {
      for await (const part of stream) if (part.type === "text-delta") controller.abort(new Error("enough"));
    };
    await expect(read()).rejects.toThrow("enough");
    await expect(ask("x", { abortSignal: controller.signal })).rejects.toThrow("enough");
  });

  it("warns that it cannot answer in JSON", async () => {
    expect((await ask("x", { responseFormat: { type: "json" } })).warnings).toMatchObject([
      { type: "unsupported", feature: "responseFormat" },
    ]);
  });
});

describe("its tool calls", () => {
  it("asks for the calculator when a question holds a sum", async () => {
    expect(await callsOf("What is 12*(3+4)?", { tools: TOOLS })).toEqual([["calculator", { expression: "12*(3+4)" }]]);
    expect((await ask("What is 12*(3+4)?", { tools: TOOLS })).finishReason.unified).toBe("tool-calls");
  });

  it("asks for a document that the question wants read, under the path of its source", async () => {
    expect(await callsOf("Read topics.md for me", { tools: TOOLS })).toMatchObject([
      ["read_document", { path: "topics.md" }],
    ]);
  });

  it("asks for several at once, each under its own id", async () => {
    const { content } = await ask("Read topics.md and tell me what 2 * 3 is", { tools: TOOLS });
    expect(new Set(content.map((part) => part.type === "tool-call" && part.toolCallId)).size).toBe(2);
  });

  it.each([
    ["the question needs none", "How long is a message hidden?", { tools: TOOLS }],
    ["none is offered", "What is 12*(3+4)?", {}],
    ["another one is offered", "What is 12*(3+4)?", { tools: [toolOf("weather")] }],
    ["it may not", "What is 12*(3+4)?", { tools: TOOLS, toolChoice: { type: "none" as const } }],
  ])("asks for none when %s", async (_, question, options) => {
    expect(await callsOf(question, options)).toEqual([]);
  });

  const answerAfter = (
    question: string,
    toolName: string,
    output: { type: "json"; value: object } | { type: "error-text"; value: string },
  ) =>
    new ExtractiveModel()
      .doGenerate({
        tools: TOOLS,
        prompt: [
          ...user(groundedPrompt(question, PASSAGES)),
          { role: "assistant", content: [{ type: "tool-call", toolCallId: "1", toolName, input: {} }] },
          {
            role: "tool",
            content: [
              { type: "tool-result", toolCallId: "1", toolName, output: output as { type: "json"; value: never } },
            ],
          },
        ],
      })
      .then(({ content }) => content.map((part) => (part.type === "text" ? part.text : part.type)).join(""));

  it("uses what the calculator answered, and quotes for the rest of the question", async () => {
    const result = { type: "json" as const, value: { expression: "12*(3+4)", result: "84" } };
    expect(await answerAfter("What is 12*(3+4)?", "calculator", result)).toMatch(
      /^12\*\(3\+4\) = 84 \(calculator\)\n\nAnswered by .*no language model/,
    );
    expect(await answerAfter("What is 12*(3+4), and how long is a message hidden?", "calculator", result)).toMatch(
      /^12\*\(3\+4\) = 84 \(calculator\)\n\n[\s\S]*thirty seconds[\s\S]*\[1\]/,
    );
  });

  it("quotes a document that it read by its path", async () => {
    const value = { title: "More", path: "more.md", text: "Walruses live in cold water near ice." };
    expect(
      await answerAfter("Read more.md: where do walruses live?", "read_document", { type: "json", value }),
    ).toContain('"Walruses live in cold water near ice." (more.md)');
  });

  it("quotes the beginning of a document that it was only asked to read", async () => {
    const value = { title: "More", path: "more.md", text: "# More\n\nFirst of all a word. The second one is here." };
    expect(await answerAfter("Please read more.md", "read_document", { type: "json", value })).toContain(
      '"First of all a word." (more.md) "The second one is here." (more.md)',
    );
  });

  it("tells of a tool's error and does not ask again", async () => {
    expect(await answerAfter("What is 1*(2+3)?", "calculator", { type: "error-text", value: "too hard" })).toContain(
      "calculator answered with an error: too hard",
    );
  });
});

describe("documentNamedIn", () => {
  const sources = [{ path: "lib/aws-lambda/README.md" }, { path: "guide/start.md" }];
  it.each([
    ["read README of aws-lambda", "lib/aws-lambda/README.md"],
    ["Please open the aws-lambda README", "lib/aws-lambda/README.md"],
    ["read the README of aws-sqs.", "aws-sqs/README.md"],
    ["show me start.md", "guide/start.md"],
    ["read docs/other.txt", "docs/other.txt"],
    ["What does README.md say?", undefined],
    ["How do I read messages?", undefined],
    ["read the README", undefined],
  ])("%s: %s", (question, path) => {
    expect(documentNamedIn(question, sources)).toBe(path);
  });
});
