import type { Json } from "../contract/json.ts";
import { violations } from "../contract/problem.ts";
import { ToolCall, ToolResult } from "../contract/standard-capabilities.ts";
import { defineCapability } from "../core/define-capability.ts";

/**
 * Runs one tool call. A tool that does not exist, an input that its schema forbids, a throw and an output that is no
 * JSON are answers to the model, in `error`: the model can ask again, a retry would get the same.
 */
export const tool = defineCapability({
  name: "tool",
  description: "Runs a tool that a model asked for",
  input: ToolCall,
  output: ToolResult,
  timeoutMs: 30_000,
  async run(call, { resources, signal }) {
    const found = resources.tools.get(call.name);
    if (found === undefined) {
      const known = [...resources.tools.keys()].join(", ") || "none";
      return { ...call, error: `there is no tool ${JSON.stringify(call.name)}; there are: ${known}` };
    }
    const input = await found.input.safeParseAsync(call.input);
    if (!input.success) {
      const wrong = violations(input.error, "/input").map(({ path, message }) => `${path}: ${message}`);
      return { ...call, error: `the input is not what ${call.name} takes: ${wrong.join("; ")}` };
    }
    try {
      return { ...call, output: asJson(await found.run(input.data, { signal, corpus: resources.corpus })) };
    } catch (error) {
      // A timeout or a shutdown says nothing about the call: another attempt can succeed.
      signal.throwIfAborted();
      return { ...call, error: error instanceof Error ? error.message : String(error) };
    }
  },
});

/** The output as a log gives it back. Throws for what JSON cannot hold; a tool that returns nothing answers null. */
function asJson(output: unknown): Json {
  let text: string | undefined;
  try {
    text = JSON.stringify(output);
  } catch (error) {
    throw new Error(`the tool returned what JSON cannot hold: ${(error as Error).message}`);
  }
  if (text === undefined && output !== undefined)
    throw new Error(`the tool returned a ${typeof output}, which JSON cannot hold`);
  return text === undefined ? null : JSON.parse(text);
}
