import { defineWorkflow } from "sluice";
import { z } from "zod";
import { Finding, model, retrieval, tools } from "./capabilities.ts";

/** What the old route did within its request, call by call. What is called is still in Python. */
export const analyze = defineWorkflow({
  name: "analyze",
  input: z.object({ question: z.string() }),
  output: z.object({ answer: z.string(), sources: z.array(z.string()), findings: z.array(Finding) }),
  example: { question: "How long do I have for returns, and what is 3 * 12?" },
  async run(job, { question }) {
    const { passages } = await job.step("retrieve", retrieval, { question });
    const draft = await job.step("draft", model, { question, passages });
    const findings = await Promise.all(draft.toolCalls.map((call) => job.step(`tool/${call.id}`, tools, call)));
    const answer =
      findings.length > 0 ? await job.step("answer", model, { question, passages, draft, findings }) : draft;
    return { answer: answer.text, sources: passages.map(({ path }) => path), findings };
  },
});
