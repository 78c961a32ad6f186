import { z } from "zod";
import { Usage } from "./events.ts";
import { Json } from "./json.ts";

/**
 * What goes into and comes out of the three capabilities that every Sluice app can use. An app may put a capability
 * of its own in the place of one of them, as long as it keeps these shapes.
 */
export const STANDARD_CAPABILITIES = { retrieval: "retrieval", completion: "completion", tool: "tool" } as const;

export const RetrievalInput = z.object({
  query: z.string().min(1).max(4_000),
  topK: z.number().int().min(1).max(50).default(6),
});
export type RetrievalInput = z.input<typeof RetrievalInput>;

export const PassageSchema = z.object({
  title: z.string(),
  path: z.string(),
  score: z.number(),
  start: z.number().int().nonnegative(),
  end: z.number().int().nonnegative(),
  text: z.string(),
});

export const RetrievalOutput = z.object({ query: z.string(), passages: z.array(PassageSchema) });
export type RetrievalOutput = z.output<typeof RetrievalOutput>;

export const ToolCall = z.object({
  id: z.string().min(1),
  name: z.string().min(1),
  input: Json,
});
export type ToolCall = z.output<typeof ToolCall>;

export const ToolResult = z.object({
  id: z.string(),
  name: z.string(),
  input: Json,
  output: Json.optional(),
  error: z.string().optional().describe("Why there is no output: an answer to the model, not a failed step"),
});
export type ToolResult = z.output<typeof ToolResult>;

export const CompletionInput = z.object({
  system: z.string().optional(),
  prompt: z.string().min(1),
  /** A finished round of tool calls, shown to the model after the prompt. */
  toolRound: z.object({ text: z.string(), calls: z.array(ToolCall), results: z.array(ToolResult) }).optional(),
  /** Names of the app's tools that the model may ask for. */
  tools: z.array(z.string()).default([]),
  /** Another model than the app's. */
  model: z.string().optional(),
  maxOutputTokens: z.number().int().min(1).max(100_000).default(1_024),
  temperature: z.number().min(0).max(2).optional(),
});
export type CompletionInput = z.input<typeof CompletionInput>;

export const CompletionOutput = z.object({
  text: z.string(),
  toolCalls: z.array(ToolCall),
  finishReason: z.string(),
  model: z.string(),
  usage: Usage,
});
export type CompletionOutput = z.output<typeof CompletionOutput>;
