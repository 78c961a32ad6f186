import { z } from "zod";
import { completion } from "../../src/capabilities/completion.ts";
import { defineApp } from "../../src/core/define-app.ts";
import { defineWorkflow } from "../../src/core/define-workflow.ts";

/** One call of a model by the shipped capability, whose text is streamed. */
export function streamApp(model: string) {
  const ask = defineWorkflow({
    name: "ask",
    input: z.object({ text: z.string() }),
    output: z.object({ text: z.string() }),
    async run(job, { text }) {
      return { text: (await job.complete("answer", { prompt: text })).text };
    },
  });
  return defineApp({ workflows: [ask], capabilities: [completion], model });
}
