import { z } from "zod";
import { defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";

/** Steps that stream a word, and come to their end when the test opens their gate. */
export function gatedApp(steps: number) {
  const waiting: (() => void)[] = [];
  let opened = false;
  const gate = (): Promise<void> =>
    opened ? Promise.resolve() : new Promise<void>((resolve) => void waiting.push(resolve));
  const gated = defineCapability({
    name: "gated",
    input: z.object({ text: z.string() }),
    output: z.object({ text: z.string() }),
    concurrency: 1_000,
    async run({ text }, step) {
      step.progress(`${text} `);
      await gate();
      return { text };
    },
  });
  const chain = defineWorkflow({
    name: "chain",
    input: z.object({ text: z.string() }),
    output: z.object({ text: z.string() }),
    async run(job, input) {
      let last = input;
      for (let n = 0; n < steps; n++) last = await job.step(`s/${n}`, gated, input);
      return last;
    },
  });
  return {
    app: defineApp({ workflows: [chain], capabilities: [gated] }),
    /** Lets all steps go that wait, and those to come. */
    open(): void {
      opened = true;
      for (const go of waiting.splice(0)) go();
    },
  };
}
