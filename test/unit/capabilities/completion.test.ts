import { describe, expect, it, vi } from "vitest";
import { completion } from "../../../src/capabilities/completion.ts";
import { HeldError, TerminalError, ThrottledError } from "../../../src/core/retry.ts";
import { calculator } from "../../../src/tools/calculator.ts";
import { chatServer, delta, end, fail, send, usage } from "./chat-server.ts";
import { stepContext } from "./step-context.ts";

const input = (more: object = {}) => completion.input.parse({ prompt: "Hello?", ...more });
const run = (model: string, more: object = {}, context = stepContext({ model, tools: [calculator] })) =>
  Promise.resolve(completion.run(input(more), context));
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.fail(`no error, but ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}

describe("completion", () => {
  it("streams the answer as progress and returns all of it, with what it used and cost", async () => {
    await using server = await chatServer((response) => {
      send(
        response,
        delta({ role: "assistant", content: "Good" }),
        delta({ content: " morning" }),
        delta({}, "stop"),
        usage(1_000, 500),
      );
      end(response);
    });
    const context = stepContext({ model: server.model, price: { inputPerMillion: 2, outputPerMillion: 10 } });
    const used = { model: server.model, inputTokens: 1_000, outputTokens: 500, costUsd: 0.007 };
    expect(await run(server.model, { system: "Be kind.", temperature: 0, maxOutputTokens: 99 }, context)).toEqual({
      text: "Good morning",
      toolCalls: [],
      finishReason: "stop",
      model: server.model,
      usage: used,
    });
    expect(context.chunks).toEqual(["Good", " morning"]);
    expect(context.usages).toEqual([used]);
    expect(server.requests[0]?.body).toMatchObject({
      model: "test",
      stream: true,
      temperature: 0,
      max_tokens: 99,
      messages: [
        { role: "system", content: "Be kind." },
        { role: "user", content: "Hello?" },
      ],
    });
    expect(server.requests[0]?.body.tools).toBeUndefined();
  });

  it("returns the tools that the model asks for without running them", async () => {
    await using server = await chatServer((response) => {
      const asked = {
        index: 0,
        id: "call_7",
        type: "function",
        function: { name: "calculator", arguments: '{"expression":' },
      };
      send(response, delta({ role: "assistant", tool_calls: [asked] }));
      send(
        response,
        delta({ tool_calls: [{ index: 0, function: { arguments: '"1+1"}' } }] }),
        delta({}, "tool_calls"),
        usage(5, 5),
      );
      end(response);
    });
    const result = await run(server.model, { tools: ["calculator"] });
    expect(result).toMatchObject({
      text: "",
      finishReason: "tool-calls",
      toolCalls: [{ id: "call_7", name: "calculator", input: { expression: "1+1" } }],
    });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.body.tools?.[0]?.function).toMatchObject({
      name: "calculator",
      parameters: { properties: { expression: { type: "string" } } },
    });
  });

  it.each([
    ["an input that the tool's schema forbids", "calculator", '{"expression":5}', { expression: 5 }],
    ["an input that is no JSON", "calculator", '{"expr', '{"expr'],
    ["a tool that does not exist", "teleport", '{"to":"x"}', { to: "x" }],
  ])("hands on %s: the tool step answers the model", async (_, name, args, expected) => {
    await using server = await chatServer((response) => {
      send(
        response,
        delta({ tool_calls: [{ index: 0, id: "c", type: "function", function: { name, arguments: args } }] }),
      );
      send(response, delta({}, "tool_calls"));
      end(response);
    });
    const { toolCalls } = completion.output.parse(await run(server.model, { tools: ["calculator"] }));
    expect(toolCalls).toEqual([{ id: "c", name, input: expected }]);
  });

  it("shows the model a finished round of tools, errors included, and lets it ask for no more", async () => {
    await using server = await chatServer((response) => {
      send(response, delta({ content: "2" }), delta({}, "stop"));
      end(response);
    });
    const calls = [
      { id: "a", name: "calculator", input: { expression: "1+1" } },
      { id: "b", name: "calculator", input: { expression: "1/0" } },
    ];
    const results = [
      { ...calls[0], output: { result: "2" } },
      { ...calls[1], error: "not finite" },
    ];
    await run(server.model, { toolRound: { text: "Let me see.", calls, results } });
    expect(server.requests[0]?.body.messages).toMatchObject([
      { role: "user" },
      {
        role: "assistant",
        content: "Let me see.",
        tool_calls: [{ id: "a", function: { arguments: '{"expression":"1+1"}' } }, { id: "b" }],
      },
      { role: "tool", tool_call_id: "a", content: '{"result":"2"}' },
      { role: "tool", tool_call_id: "b", content: "not finite" },
    ]);
    expect(server.requests[0]?.body).toMatchObject({
      tool_choice: "none",
      tools: [{ function: { name: "calculator" } }],
    });
  });

  it("leaves out counts and costs that the provider did not give", async () => {
    await using server = await chatServer((response) => {
      send(response, delta({ content: "x" }), delta({}, "stop"));
      end(response);
    });
    const context = stepContext({ model: server.model, price: { inputPerMillion: 2, outputPerMillion: 10 } });
    expect(await run(server.model, {}, context)).toMatchObject({ usage: { model: server.model } });
    expect(context.usages).toEqual([{ model: server.model }]);
  });

  it("uses the step's model in place of the app's", async () => {
    expect(await run("openai:gpt-5", { model: "embedded:extractive" })).toMatchObject({
      model: "embedded:extractive",
      finishReason: "stop",
    });
  });

  it("sends the key of SLUICE_MODEL_API_KEY, where there is one", async () => {
    await using server = await chatServer((response) => {
      send(response, delta({ content: "x" }), delta({}, "stop"));
      end(response);
    });
    await run(server.model);
    vi.stubEnv("SLUICE_MODEL_API_KEY", "sk-test");
    await run(server.model);
    vi.unstubAllEnvs();
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, "Bearer sk-test"]);
  });
});

describe("a completion that fails", () => {
  it.each([
    ["seconds", { "retry-after": "7" }, 7_000],
    ["milliseconds", { "retry-after-ms": "250", "retry-after": "7" }, 250],
    ["nothing", {}, undefined],
  ])("is throttled by a 429 that asks for %s, after one request", async (_, headers, retryAfterMs) => {
    await using server = await chatServer(fail(429, "slow down", headers));
    const error = await errorOf(run(server.model));
    expect(error).toBeInstanceOf(ThrottledError);
    expect(error).toMatchObject({ retryAfterMs, message: expect.stringContaining("429: slow down") });
    expect(server.requests).toHaveLength(1);
  });

  it.each([500, 502, 503, 529])("costs no attempt when the provider answers %i", async (status) => {
    await using server = await chatServer(fail(status, "it is us"));
    expect(await errorOf(run(server.model))).toBeInstanceOf(ThrottledError);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    [400, TerminalError, /answered 400: max_tokens is too large$/],
    [401, HeldError, /answered 401: max_tokens is too large\. Put .*key.*redrive/],
    [402, HeldError, /answered 402/],
    [404, TerminalError, /answered 404/],
  ])("is final when the provider answers %i, with its words", async (status, kind, message) => {
    await using server = await chatServer(fail(status, "max_tokens is too large"));
    const error = await errorOf(run(server.model));
    expect(error).toMatchObject({ constructor: kind, message: expect.stringMatching(message) });
  });

  it("is retried for another status", async () => {
    await using server = await chatServer(fail(409, "conflict"));
    const error = await errorOf(run(server.model));
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(TerminalError);
    expect(error).not.toBeInstanceOf(ThrottledError);
  });

  it("costs no attempt when nobody listens", async () => {
    const server = await chatServer(() => {});
    await server[Symbol.asyncDispose]();
    const error = await errorOf(run(server.model));
    expect(error).toBeInstanceOf(ThrottledError);
    expect((error as Error).message).toContain("cannot be reached");
  });

  it.each([
    ["breaks off", (response: import("node:http").ServerResponse) => setImmediate(() => response.destroy())],
    ["ends without saying that it is complete", (response: import("node:http").ServerResponse) => response.end()],
  ])("is retried when the stream %s, and never taken for an answer", async (_, finish) => {
    await using server = await chatServer((response) => {
      send(response, delta({ content: "Half of" }));
      finish(response);
    });
    const context = stepContext({ model: server.model });
    const error = await errorOf(run(server.model, {}, context));
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(TerminalError);
    expect(error).not.toBeInstanceOf(ThrottledError);
    expect(context.chunks).toEqual(["Half of"]);
  });

  it("is retried when a provider's own protocol shows that the answer is not complete", async () => {
    await using server = await chatServer((response) => {
      const message = {
        id: "m",
        type: "message",
        role: "assistant",
        model: "c",
        content: [],
        usage: { input_tokens: 1, output_tokens: 1 },
      };
      send(response, { type: "message_start", message });
      send(response, { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } });
      send(response, { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Half of" } });
      response.end();
    });
    vi.stubEnv("ANTHROPIC_API_KEY", "test");
    vi.stubEnv("ANTHROPIC_BASE_URL", server.model.slice("openai-compatible:".length, -"#test".length));
    const error = await errorOf(run("anthropic:claude-haiku-4-5"));
    vi.unstubAllEnvs();
    expect((error as Error).message).toMatch(/broke off after 7 characters/);
    expect(error).not.toBeInstanceOf(TerminalError);
  });

  it("fails by an error that arrives inside of the stream", async () => {
    await using server = await chatServer((response) => {
      send(response, delta({ content: "Half" }), {
        error: { message: "The server is overloaded", type: "overloaded_error" },
      });
      end(response);
    });
    const error = await errorOf(run(server.model));
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toContain("overloaded");
  });

  it("prints nothing: the error is the step's", async () => {
    const printed = vi.spyOn(console, "error");
    await using server = await chatServer(fail(500, "it is us"));
    await errorOf(run(server.model));
    expect(printed).not.toHaveBeenCalled();
    printed.mockRestore();
  });

  it("ends with the signal's reason when it is aborted, and closes the connection", async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await chatServer((response, request) => {
      request.socket.on("close", () => closed.resolve());
      send(response, delta({ content: "Slow" }));
    });
    const controller = new AbortController();
    const context = {
      ...stepContext({ model: server.model }, controller.signal),
      progress: () => controller.abort(new Error("timeout")),
    };
    await expect(run(server.model, {}, context)).rejects.toThrow("timeout");
    await closed.promise;
  });

  it.each(["openai:gpt-5-mini", "anthropic:claude-haiku-4-5"])(
    "waits for a person when the key of %s is missing",
    async (model) => {
      for (const key of ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"]) vi.stubEnv(key, undefined);
      const error = await errorOf(run(model));
      vi.unstubAllEnvs();
      expect(error).toBeInstanceOf(HeldError);
      expect((error as Error).message).toMatch(/API_KEY/);
    },
  );

  it.each([
    ["a model of no known form", { model: "gpt-5" }, /unknown model "gpt-5".*embedded:extractive/],
    ["a tool that the app does not have", { tools: ["teleport"] }, /no tool "teleport"; it has calculator/],
  ])("is final for %s", async (_, more, message) => {
    const error = await errorOf(run("embedded:extractive", more));
    expect(error).toBeInstanceOf(TerminalError);
    expect((error as Error).message).toMatch(message);
  });
});

describe("the provider of a completion", () => {
  const app = { model: "openai:gpt-5" };

  it("is the model that it calls, with its input's and its longest output's tokens", () => {
    expect(completion.provider?.(input({ prompt: "x".repeat(400), maxOutputTokens: 50 }), app)).toEqual({
      name: "openai:gpt-5",
      tokens: 150,
    });
    const more = { prompt: "x", system: "y".repeat(7), model: "anthropic:claude" };
    expect(completion.provider?.(input(more), app)).toEqual({ name: "anthropic:claude", tokens: 2 + 1_024 });
  });

  it("counts a round of tools, too", () => {
    const result = { id: "1", name: "calculator", input: {}, output: "z".repeat(4_000) };
    const toolRound = { text: "", calls: [{ id: "1", name: "calculator", input: {} }], results: [result] };
    const { tokens = 0 } = completion.provider?.(input({ toolRound }), app) ?? {};
    expect(tokens).toBeGreaterThan(1_024 + 1_000);
  });

  it("is nobody where the model runs in the process", () => {
    expect(completion.provider?.(input(), { model: "embedded:extractive" })).toBeUndefined();
  });
});
