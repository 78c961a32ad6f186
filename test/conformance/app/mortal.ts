import { z } from "zod";
import { defineCapability, defineWorkflow } from "../../../src/index.ts";

/** This process has an answer that it will not live to record. */
let doomed = false;

/** Tokens of a call, for its record and, where that is lost, for the estimate. */
const usageOf = ({ text }: { text: string }) => ({ model: "mortal", inputTokens: text.length, outputTokens: 7 });

/**
 * Asks a model elsewhere, which counts its calls, and ends its own process after the first attempt's answer. An output is
 * checked when what was streamed is on record to its end, and before the result is: that is where it dies.
 */
export const mortal = defineCapability({
  name: "mortal",
  description: "Ends its process between the model's answer and its record",
  input: z.object({ model: z.url(), text: z.string(), streams: z.boolean() }),
  output: z.object({ text: z.string() }).refine(() => {
    if (doomed) process.exit(1);
    return true;
  }),
  timeoutMs: 2_000,
  batchSize: 1,
  concurrency: 2,
  estimateUsage: usageOf,
  async run({ model, text, streams }, step) {
    const answer = await fetch(model, { method: "POST", body: `${text} ${step.attempt}` });
    if (!answer.ok) throw new Error(`the model answered ${answer.status}`);
    if (streams) step.progress(text);
    step.usage(usageOf({ text }));
    doomed = step.attempt === 1;
    return { text };
  },
});

/** One call that a crash takes the answer of. */
export const crash = defineWorkflow({
  name: "crash",
  description: "Loses the process of its only call",
  input: mortal.input,
  output: z.object({ text: z.string() }),
  run: (job, input) => job.step("only", mortal, input),
});
