import { z } from "zod";
import {
  calculator,
  completion,
  defineApp,
  defineWorkflow,
  type Job,
  JobFailedError,
  retrieval,
  StepFailedError,
  tool,
} from "../../src/index.ts";
import { promptOf } from "./ask.ts";
import { score } from "./score.ts";

/** The shipped completion, in a hurry: a model that hangs is given up after seconds. */
const hastyCompletion = {
  ...completion,
  timeoutMs: 10_000,
  leaseMs: 25_000,
  retry: { maxAttempts: 5, baseDelayMs: 200, maxDelayMs: 1_000 },
};

const Numbered = z.object({ n: z.number().int() });
const Total = z.object({ characters: z.number().int() });
type Numbered = z.output<typeof Numbered>;

const shape = <const N extends string>(name: N, run: (job: Job, input: Numbered) => Promise<number>) =>
  defineWorkflow({
    name,
    input: Numbered,
    output: Total,
    run: async (job, input) => ({ characters: await run(job, input) }),
  });

async function say(job: Job, step: string, { n }: Numbered, about: unknown = ""): Promise<number> {
  const { text } = await job.complete(step, { prompt: promptOf({ job: job.id, step, n }, `Say something. ${about}`) });
  return text.length;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

const chain = shape("chain", async (job, input) => {
  let characters = 0;
  for (let link = 0; link < 4; link++) characters += await say(job, `link/${link}`, input, characters);
  return characters;
});

const parallel = shape("parallel", async (job, input) => {
  const sides = await Promise.all(["left", "middle", "right"].map((side) => say(job, side, input)));
  return sum(sides) + (await say(job, "together", input, sum(sides)));
});

const fanOut = shape("fan-out", async (job, input) => {
  const parts = await Promise.all(Array.from({ length: 12 }, (_, part) => say(job, `part/${part}`, input)));
  return sum(parts) + (await say(job, "together", input, sum(parts)));
});

/** As the shipped analysis: documents, a draft that asks for tools, the answer with what they said. */
const analysis = shape("analysis", async (job, input) => {
  const { passages } = await job.retrieve("context", { query: "How are queues encrypted?", topK: 3 });
  const ask = (step: string) =>
    promptOf({ job: job.id, step, n: input.n }, passages.map(({ text }) => text).join("\n"));
  const draft = await job.complete("draft", { prompt: ask("draft"), tools: [calculator.name] });
  const results = await Promise.all(draft.toolCalls.map((call) => job.tool(`draft/${call.id}`, call)));
  const toolRound = { text: draft.text, calls: draft.toolCalls, results };
  return (await job.complete("answer", { prompt: ask("answer"), toolRound })).text.length;
});

const scored = shape("scored", async (job, input) => {
  const scores = await Promise.all(["one", "two"].map((id) => job.step(id, score, input)));
  return sum(scores.map(({ text }) => text.length)) + (await say(job, "summary", input));
});

/** Its first step is refused for good: it goes on without. */
const fallback = shape("fallback", async (job, input) => {
  try {
    return (await job.step("first", score, { ...input, refuse: true })).text.length;
  } catch (error) {
    if (!(error instanceof StepFailedError)) throw error;
    return say(job, "instead", input);
  }
});

const deadLetter = shape("dead-letter", async (job, { n }) => {
  const prompt = promptOf({ job: job.id, step: "refused", n, refuse: true }, "This is not what you take.");
  return (await job.complete("refused", { prompt })).text.length;
});

const failing = shape("failing", async (job, input) => {
  await say(job, "draft", input);
  throw new JobFailedError("this job fails on purpose");
});

export default defineApp({
  workflows: [chain, parallel, fanOut, analysis, scored, fallback, deadLetter, failing],
  capabilities: [hastyCompletion, score, retrieval, tool],
  tools: [calculator],
});
