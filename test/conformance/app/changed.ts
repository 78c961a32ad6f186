import { z } from "zod";
import { analysis } from "../../../app/workflows/analysis.ts";
import {
  calculator,
  completion,
  defineApp,
  defineCapability,
  defineWorkflow,
  readDocument,
  retrieval,
  tool,
} from "../../../src/index.ts";
import { fragile, hopeless, repeat, slow } from "./capabilities.ts";
import { echo } from "./echo.ts";
import { trial } from "./trial.ts";

/** Says how long its text is. */
const measure = defineCapability({
  name: "measure",
  description: "Says how long its text is",
  input: z.object({ text: z.string() }),
  output: z.object({ characters: z.number().int() }),
  run: ({ text }) => ({ characters: text.length }),
});

/** Its jobs measure their text besides: also those that were under way when this code was deployed. */
const measured = defineWorkflow({
  ...trial,
  async run(job, input) {
    const result = await trial.run(job, input);
    await job.step("measured", measure, { text: input.text });
    return result;
  },
});

/** The suite's app as a later version of itself: a capability more, and one workflow that uses it. */
export default defineApp({
  workflows: [echo, measured, analysis],
  capabilities: [repeat, fragile, hopeless, slow, measure, retrieval, completion, tool],
  tools: [calculator, readDocument],
});
