import { z } from "zod";
import { defineApp, defineCapability, defineWorkflow } from "../../../src/index.ts";
import { repeat } from "./capabilities.ts";
import { crash, mortal } from "./mortal.ts";
import suite from "./sluice.ts";
import { trial } from "./trial.ts";

/** Says how long its text is. */
const measure = defineCapability({
  name: "measure",
  description: "Says how long its text is",
  input: z.object({ text: z.string() }),
  output: z.object({ characters: z.number().int() }),
  run: ({ text }) => ({ characters: text.length }),
});

/** Its jobs measure their text besides: also those that were under way when this code was deployed. One bug is gone. */
const measured = defineWorkflow({
  ...trial,
  async run(job, input) {
    const { text } = input;
    const result = input.mode === "throws" ? await job.step("first", repeat, { text }) : await trial.run(job, input);
    await job.step("measured", measure, { text });
    return result;
  },
});

/** The suite's app as a later version of itself: two capabilities more, a workflow that is changed, and one that crashes. */
export default defineApp({
  workflows: [...[...suite.workflows.values()].map((each) => (each.name === trial.name ? measured : each)), crash],
  capabilities: [...suite.capabilities.values(), measure, mortal],
  tools: [...suite.tools.values()],
  tenantLimits: suite.tenantLimits,
});
