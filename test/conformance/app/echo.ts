import { z } from "zod";
import { defineWorkflow } from "../../../src/index.ts";
import { repeat } from "./capabilities.ts";

/** Nothing goes wrong here: the text comes back through as many steps at once as are asked for. */
export const echo = defineWorkflow({
  name: "echo",
  description: "Gives back its text",
  input: z.object({
    text: z.string(),
    steps: z.number().int().min(1).max(12).default(1),
    tags: z.array(z.string()).default([]),
  }),
  output: z.object({ text: z.string(), tags: z.array(z.string()), same: z.number().describe("Steps that agree") }),
  example: { text: "hello", steps: 2, tags: ["a"] },
  async run(job, { text, steps, tags }) {
    const parts = await Promise.all(Array.from({ length: steps }, (_, n) => job.step(`part/${n}`, repeat, { text })));
    const [first] = parts;
    return { text: first?.text ?? "", tags, same: parts.filter((part) => part.text === text).length };
  },
});
