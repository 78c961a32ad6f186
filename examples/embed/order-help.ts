import { defineWorkflow, groundedPrompt } from "sluice";
import { z } from "zod";
import { orderLookup } from "./order-lookup.ts";

const SYSTEM = "You answer customers of a shop from the sources in the prompt, and cite them by number. Be brief.";

/** Answers a customer's question about an order: what the table says of it, and what the shop's documents say. */
export const orderHelp = defineWorkflow({
  name: "order-help",
  input: z.object({ orderId: z.string().min(1), question: z.string().min(1).max(2_000) }),
  output: z.object({ status: z.string().nullable(), answer: z.string() }),
  example: { orderId: "A-1001", question: "Can I return an opened bag?" },
  async run(job, { orderId, question }) {
    const [{ status }, { passages }] = await Promise.all([
      job.step("order", orderLookup, { orderId }),
      job.retrieve("documents", { query: question, topK: 3 }),
    ]);
    if (status === null) return { status, answer: `There is no order ${orderId}.` };
    const answer = await job.complete("answer", { system: SYSTEM, prompt: groundedPrompt(question, passages) });
    return { status, answer: answer.text };
  },
});
