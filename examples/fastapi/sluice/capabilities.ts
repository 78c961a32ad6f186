import { defineCapability } from "sluice";
import { z } from "zod";
import { callPython } from "./call-python.ts";

/**
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
  run: callPython("retrieval"),
});

export const model = defineCapability({
  name: "model",
  input: z.object({
    question: z.string(),
    passages: z.array(Passage),
    draft: Completion.optional(),
    findings: z.array(Finding).optional(),
  }),
  output: Completion,
  // As many at once as the old route made: all. Set here what your provider allows.
  concurrency: 200,
  onExhausted: "throw",
  run: callPython("model"),
});

export const tools = defineCapability({
  name: "tools",
  input: ToolCall,
  output: Finding,
  onExhausted: "throw",
  run: callPython("tools"),
});
