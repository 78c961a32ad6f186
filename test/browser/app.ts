import { z } from "zod";
import { defineApp, defineCapability, defineWorkflow, StepFailedError } from "../../src/index.ts";

const text = z.object({ text: z.string() });
const words = defineCapability({
  name: "words",
  input: text,
  output: text,
  run(input, step) {
    for (const word of input.text.split(" ")) step.progress(`${word} `);
    return input;
  },
});
const hopeless = defineCapability({
  name: "hopeless",
  input: text,
  output: text,
  retry: { maxAttempts: 1, baseDelayMs: 1, maxDelayMs: 1 },
  run() {
    throw new Error("no way");
  },
});

/** Has nearly every type of event in its log, and waits in the middle until it is told to go on. */
const tour = defineWorkflow({
  name: "tour",
  input: text,
  output: text,
  signals: { go: z.object({}) },
  async run(job, input) {
    await job.now("began");
    await job.step("before", words, input);
    await job.sleep("nap", 10);
    await job.signal("go");
    try {
      await job.step("vain", hopeless, input);
    } catch (error) {
      if (!(error instanceof StepFailedError)) throw error;
    }
    return job.step("after", words, input);
  },
});

export default defineApp({ workflows: [tour], capabilities: [words, hopeless] });
