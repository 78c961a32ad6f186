import type { JSONValue } from "@ai-sdk/provider";
import type { ModelMessage, ToolSet } from "ai";
import type { z } from "zod";
import type { Usage } from "../contract/events.ts";
import {
  CompletionInput,
  CompletionOutput,
  type ToolCall,
  type ToolResult,
} from "../contract/standard-capabilities.ts";
import { defineCapability } from "../core/define-capability.ts";
import type { ModelPrice, Tool } from "../core/resources.ts";
import { TerminalError } from "../core/retry.ts";
import { modelError } from "./model-error.ts";

/**
 * One answer of a model, streamed: its text, or the tools that it asks for. It runs no tool and makes no second try;
 * both are steps of their own, on record. The model is `input.model` or the app's.
 */
export const completion = defineCapability({
  name: "completion",
  description: "An answer of a language model, streamed",
  input: CompletionInput,
  output: CompletionOutput,
  timeoutMs: 120_000,
  usesModel: true,
  provider(input, app) {
    const name = input.model ?? app.model;
    // What runs in this process has no limits and no outages.
    if (name.startsWith("embedded:")) return undefined;
    return { name, tokens: Math.ceil(charactersOf(input) / CHARACTERS_PER_TOKEN) + input.maxOutputTokens };
  },
  async run(input, step) {
    const model = input.model ?? step.resources.model;
    // Heavy packages load when a model is first called, not when an app is imported.
    const [{ streamText }, { loadModel }] = await Promise.all([import("ai"), import("../models/load-model.ts")]);
    const calls: z.output<typeof ToolCall>[] = [];
    let text = "";
    try {
      const result = streamText({
        model: await loadModel(model),
        ...(input.system === undefined ? {} : { instructions: input.system }),
        messages: messagesOf(input),
        ...toolsOf(input, step.resources.tools),
        maxOutputTokens: input.maxOutputTokens,
        ...(input.temperature === undefined ? {} : { temperature: input.temperature }),
        maxRetries: 0,
        // What was asked and answered is in the job's log, and in no trace.
        telemetry: { recordInputs: false, recordOutputs: false },
        abortSignal: step.signal,
        // Errors are parts of the stream and thrown below; without this they would be printed as well.
        onError: () => {},
      });
      for await (const part of result.stream) {
        if (part.type === "text-delta") {
          text += part.text;
          step.progress(part.text);
        } else if (part.type === "tool-call") {
          calls.push({ id: part.toolCallId, name: part.toolName, input: part.input });
        } else if (part.type === "error") throw part.error;
        else if (part.type === "abort") step.signal.throwIfAborted();
        else if (part.type === "finish") {
          const usage = usageOf(model, part.totalUsage, step.resources.price);
          step.usage(usage);
          if (part.finishReason === "error" || part.finishReason === "interrupted") {
            throw new Error(
              `the model's answer broke off after ${text.length} characters (${part.rawFinishReason ?? part.finishReason})`,
            );
          }
          return { text, toolCalls: calls, finishReason: part.finishReason, model, usage };
        }
      }
      step.signal.throwIfAborted();
      throw new Error(`the model's answer broke off after ${text.length} characters`);
    } catch (error) {
      step.signal.throwIfAborted();
      throw modelError(error, Date.now(), { model, region: process.env.AWS_REGION });
    }
  },
});

type Input = z.output<typeof CompletionInput>;

/** A rule of thumb for English (help.openai.com/en/articles/4936856). What was really used is settled afterwards. */
const CHARACTERS_PER_TOKEN = 4;

const charactersOf = ({ system = "", prompt, toolRound }: Input): number =>
  system.length + prompt.length + (toolRound === undefined ? 0 : JSON.stringify(toolRound).length);

function messagesOf({ prompt, toolRound }: Input): ModelMessage[] {
  const messages: ModelMessage[] = [{ role: "user", content: prompt }];
  if (toolRound === undefined) return messages;
  const said = toolRound.text === "" ? [] : [{ type: "text" as const, text: toolRound.text }];
  const calls = toolRound.calls.map(({ id, name, input }) => ({
    type: "tool-call" as const,
    toolCallId: id,
    toolName: name,
    input,
  }));
  messages.push({ role: "assistant", content: [...said, ...calls] });
  messages.push({ role: "tool", content: toolRound.results.map(resultPart) });
  return messages;
}

const resultPart = ({ id, name, output, error }: z.output<typeof ToolResult>) => ({
  type: "tool-result" as const,
  toolCallId: id,
  toolName: name,
  output:
    error === undefined
      ? { type: "json" as const, value: (output ?? null) as JSONValue }
      : { type: "error-text" as const, value: error },
});

/**
 * The tools that the model may ask for, without what would run them. Providers want the tools of an earlier round
 * declared too: they are, and where no others are offered, none may be asked for.
 */
function toolsOf(input: Input, known: ReadonlyMap<string, Tool>): { tools?: ToolSet; toolChoice?: "auto" | "none" } {
  const tools: ToolSet = {};
  for (const name of input.tools) {
    const tool = known.get(name);
    if (tool === undefined) {
      throw new TerminalError(
        `the app has no tool ${JSON.stringify(name)}; it has ${[...known.keys()].join(", ") || "none"}`,
      );
    }
    tools[name] = { description: tool.description, inputSchema: tool.input };
  }
  for (const { name } of input.toolRound?.calls ?? []) {
    const tool = known.get(name);
    if (tool) tools[name] = { description: tool.description, inputSchema: tool.input };
  }
  if (Object.keys(tools).length === 0) return {};
  return { tools, toolChoice: input.tools.length > 0 ? "auto" : "none" };
}

/** What a provider did not count is left out rather than made up. */
function usageOf(
  model: string,
  { inputTokens, outputTokens }: { inputTokens: number | undefined; outputTokens: number | undefined },
  price: ModelPrice | undefined,
): Usage {
  const counted = inputTokens !== undefined && outputTokens !== undefined;
  return {
    model,
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
    ...(price && counted
      ? { costUsd: (inputTokens * price.inputPerMillion + outputTokens * price.outputPerMillion) / 1_000_000 }
      : {}),
  };
}
