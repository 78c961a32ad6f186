import { z } from "zod";
import { defineApp } from "../src/core/define-app.ts";
import { defineCapability } from "../src/core/define-capability.ts";
import { defineWorkflow } from "../src/core/define-workflow.ts";

/** About 1 KB of JSON: what the compared products' steps returned. */
const RESULT = "x".repeat(1_000);

export interface StepTimes {
  readonly retrieveMs: number;
  readonly completeMs: number;
  readonly toolMs: number;
  readonly composeMs: number;
}

/** Steps that return at once. */
export const NO_WORK: StepTimes = { retrieveMs: 0, completeMs: 0, toolMs: 0, composeMs: 0 };

/** Told of every step that ran, with the server's `performance.now()` around its work. */
export type OnRun = (jobId: string, stepId: string, startedMs: number, endedMs: number) => void;

/** The same job that the other products were measured with: retrieve, complete, two tools in parallel, compose. */
export function benchApp(times: StepTimes, onRun: OnRun | undefined = undefined, concurrency = 1_000) {
  const step = <const N extends string>(name: N, ms: number) =>
    defineCapability({
      name,
      input: z.object({ text: z.string() }),
      output: z.object({ text: z.string() }),
      concurrency,
      run: async ({ text }, { jobId, stepId }) => {
        const startedMs = onRun ? performance.now() : 0;
        if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
        onRun?.(jobId, stepId, startedMs, performance.now());
        return { text: `${text.length} ${RESULT}` };
      },
    });
  const retrieve = step("bench-retrieve", times.retrieveMs);
  const complete = step("bench-complete", times.completeMs);
  const tool = step("bench-tool", times.toolMs);
  const compose = step("bench-compose", times.composeMs);

  const chain = defineWorkflow({
    name: "chain",
    input: z.object({ text: z.string() }),
    output: z.object({ length: z.number() }),
    async run(job, input) {
      const context = await job.step("context", retrieve, input);
      const draft = await job.step("draft", complete, context);
      const found = await Promise.all([job.step("tool/a", tool, draft), job.step("tool/b", tool, draft)]);
      const answer = await job.step("answer", compose, { text: found.map(({ text }) => text.slice(0, 500)).join("") });
      return { length: answer.text.length };
    },
  });

  /** Steps one after the other: is the five-hundredth as fast as the fifth? */
  const long = defineWorkflow({
    name: "long",
    input: z.object({ steps: z.number().int().max(1_000) }),
    output: z.object({ steps: z.number() }),
    async run(job, { steps }) {
      for (let step = 0; step < steps; step++) await job.step(`step/${step}`, tool, { text: "go" });
      return { steps };
    },
  });

  /** Steps all at once. */
  const wide = defineWorkflow({
    name: "wide",
    input: z.object({ steps: z.number().int().max(1_000) }),
    output: z.object({ steps: z.number() }),
    async run(job, { steps }) {
      await Promise.all(Array.from({ length: steps }, (_, step) => job.step(`step/${step}`, tool, { text: "go" })));
      return { steps };
    },
  });

  /** A job in which nothing happens for a while. */
  const nap = defineWorkflow({
    name: "nap",
    input: z.object({ ms: z.number() }),
    output: z.object({ ms: z.number() }),
    async run(job, { ms }) {
      await job.sleep("nap", ms);
      return { ms };
    },
  });

  return defineApp({ workflows: [chain, long, wide, nap], capabilities: [retrieve, complete, tool, compose] });
}
