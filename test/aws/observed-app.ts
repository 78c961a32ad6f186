import { z } from "zod";
import { analysis } from "../../app/workflows/analysis.ts";
import {
  calculator,
  completion,
  defineApp,
  defineCapability,
  defineWorkflow,
  readDocument,
  retrieval,
  TerminalError,
  tool,
} from "../../src/index.ts";

/** Whose the jobs are. */
export const TENANT = "tenant-that-is-in-no-metric";

const Text = z.object({ text: z.string() });
/** Fails in every way that quotes its input: once to be tried again, then for good. */
const failing = defineCapability({
  name: "failing",
  input: Text,
  output: Text,
  onExhausted: "throw",
  retry: { maxAttempts: 2, baseDelayMs: 1 },
  run({ text }, { attempt }) {
    if (attempt === 1) throw new Error(`cannot work on ${text}`, { cause: new Error(text) });
    throw new TerminalError(`cannot ever work on ${text}`);
  },
});
const doomed = defineWorkflow({
  name: "doomed",
  input: Text,
  output: Text,
  run: (job, input) => job.step("only", failing, input),
});
const broken = defineWorkflow({
  name: "broken",
  input: Text,
  output: Text,
  run: (_, { text }) => {
    throw new Error(`a bug that quotes ${text}`);
  },
});

export default defineApp({
  workflows: [analysis, doomed, broken],
  capabilities: [retrieval, completion, tool, failing],
  tools: [calculator, readDocument],
});
