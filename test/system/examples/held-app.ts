import { z } from "zod";
import { defineApp, defineCapability, defineWorkflow } from "../../../src/index.ts";

/** The examples' workflow with a step that waits in the dead letters for a person. */
const broken = defineCapability({
  name: "broken",
  input: z.object({}),
  output: z.object({}),
  classify: () => ({ kind: "terminal" }),
  run: () => Promise.reject(new Error("nothing will mend this by itself")),
});

const analyze = defineWorkflow({
  name: "analyze",
  input: z.object({ question: z.string() }),
  output: z.object({}),
  run: (job) => job.step("broken", broken, {}),
});

export default defineApp({ workflows: [analyze], capabilities: [broken] });
