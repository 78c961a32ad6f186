import { defineCapability } from "sluice";
import { z } from "zod";
import { complete, RefusedError } from "../analysis/model.ts";
import { retrieve } from "../analysis/retrieve.ts";
import { runTool } from "../analysis/tools.ts";

/**
 * The functions that the old route called, as they are. What is new is that their inputs and outputs are checked, since they go on record.
 * With `onExhausted: "throw"` a call that will not be tried again fails its job, as it failed the old request: by default it would
 * wait for a person, and the caller with it.
 */

const Passage = z.object({ path: z.string(), text: z.string() });
const ToolCall = z.object({ id: z.string(), name: z.string(), arguments: z.string() });
export const Finding = z.object({ id: z.string(), text: z.string() });
const Completion = z.object({ text: z.string(), toolCalls: z.array(ToolCall) });

export const retrieval = defineCapability({
  name: "retrieval",
  input: z.object({ question: z.string() }),
  output: z.object({ passages: z.array(Passage) }),
  onExhausted: "throw",
  run: async ({ question }) => ({ passages: await retrieve(question) }),
});

export const model = defineCapability({
  name: "model",
  input: z.object({
    question: z.string(),
    passages: z.array(Passage),
    round: z.object({ draft: Completion, findings: z.array(Finding) }).optional(),
  }),
  output: Completion,
  // As many at once as the old route made: all. Set here what your provider allows.
  concurrency: 200,
  // What the model refuses fails the job at once, and the old route says so; an outage is tried again for five times first.
  classify: (error) => ({ kind: error instanceof RefusedError ? "terminal" : "retryable" }),
  onExhausted: "throw",
  run: (prompt, { signal, progress }) => complete(prompt, { signal, onText: progress }),
});

export const tools = defineCapability({
  name: "tools",
  input: ToolCall,
  output: Finding,
  // Arguments that are no JSON stay so: not tried again.
  classify: (error) => ({ kind: error instanceof SyntaxError ? "terminal" : "retryable" }),
  onExhausted: "throw",
  run: (call) => runTool(call),
});
