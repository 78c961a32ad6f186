import { z } from "zod";
import { defineCapability, TerminalError, ThrottledError } from "../../src/index.ts";
import { promptOf } from "./ask.ts";

/** A capability of the soak's own: one request to the model server, not streamed, so that a crash leaves nothing of it. */
export const score = defineCapability({
  name: "score",
  input: z.object({ n: z.number(), refuse: z.boolean().default(false) }),
  output: z.object({ text: z.string() }),
  timeoutMs: 10_000,
  retry: { maxAttempts: 5, baseDelayMs: 200, maxDelayMs: 1_000 },
  onExhausted: "throw",
  async run({ n, refuse }, { jobId, stepId, attempt, signal, resources }) {
    const url = resources.model.slice("openai-compatible:".length).split("#")[0];
    const prompt = promptOf({ job: jobId, step: stepId, n, ...(refuse ? { refuse } : {}) }, "Score this.");
    const response = await fetch(`${url}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-soak-attempt": String(attempt) },
      body: JSON.stringify({ model: "soak", messages: [{ role: "user", content: prompt }] }),
      signal,
    });
    const body = await response.text();
    if (response.status === 429 || response.status >= 500) {
      throw new ThrottledError(
        `the model answered ${response.status}`,
        Number(response.headers.get("retry-after")) * 1_000,
      );
    }
    if (!response.ok) throw new TerminalError(`the model answered ${response.status}`);
    const { choices } = JSON.parse(body) as { choices: [{ message: { content: string } }] };
    return { text: choices[0].message.content };
  },
});
