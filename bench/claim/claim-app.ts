import { z } from "zod";
import { defineApp } from "../../src/core/define-app.ts";
import { defineCapability } from "../../src/core/define-capability.ts";
import { defineWorkflow } from "../../src/core/define-workflow.ts";
import { HttpClient } from "../http-client.ts";
import { AT_ONCE } from "./limits.ts";

/** The analysis of the claim: two calls of the model, one after the other. */
export function claimApp(modelUrl: string) {
  const client = new HttpClient(modelUrl);
  const model = defineCapability({
    name: "model",
    input: z.object({ prompt: z.string() }),
    output: z.object({ text: z.string() }),
    concurrency: AT_ONCE,
    batchSize: 1,
    run: async ({ prompt }) => {
      const { status, body } = await client.post("/", { prompt });
      if (status !== 200) throw new Error(`the model answered ${status}`);
      return { text: body };
    },
  });
  const analysis = defineWorkflow({
    name: "two-calls",
    input: z.object({ query: z.string() }),
    output: z.object({ answer: z.string() }),
    async run(job, { query }) {
      const draft = await job.step("draft", model, { prompt: query });
      const answer = await job.step("answer", model, { prompt: draft.text });
      return { answer: answer.text };
    },
  });
  return defineApp({ workflows: [analysis], capabilities: [model] });
}
