import { z } from "zod";
import { defineApp, defineWorkflow } from "../../../src/index.ts";

const other = defineWorkflow({
  name: "other",
  input: z.object({}),
  output: z.object({}),
  run: () => Promise.resolve({}),
});

/** An app that knows nothing of the examples' workflow. */
export default defineApp({ workflows: [other], capabilities: [] });
