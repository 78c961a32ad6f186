import { z } from "zod";
import { type Capability, defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";

/** An app in which some things go wrong, beside a workflow in which nothing does. */
const text = z.object({ text: z.string() });
const quick = { retry: { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 5 } };

const echo = defineCapability({ name: "echo", input: text, output: text, run: (input) => input });
const slow = defineCapability({
  name: "slow",
  input: z.object({ ms: z.number() }),
  output: z.object({ slept: z.number() }),
  concurrency: 100,
  async run({ ms }, { signal }) {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
    return { slept: ms };
  },
});
const throwing = defineCapability({
  ...quick,
  name: "throwing",
  input: text,
  output: text,
  run() {
    throw new Error("the dependency is on fire", { cause: new Error("smoke") });
  },
});
const streaming = defineCapability({
  name: "streaming",
  input: text,
  output: text,
  run({ text: words }, step) {
    for (const word of words.split(" ")) step.progress(`${word} `);
    step.usage({ model: "test", inputTokens: 3, outputTokens: 4 });
    return { text: words };
  },
});

const one = <const N extends string>(name: N, capability: Capability<string, typeof text, typeof text>) =>
  defineWorkflow({
    name,
    input: text,
    output: text,
    example: { text: "hello" },
    run: (job, input) => job.step("only", capability, input),
  });

const bug = defineWorkflow({
  name: "throws",
  input: text,
  output: text,
  async run(job, input) {
    const first = await job.step("first", echo, input);
    return { text: (first as unknown as { no: { such: string } }).no.such };
  },
});
const sleepy = defineWorkflow({
  name: "sleepy",
  input: z.object({ ms: z.number(), steps: z.number() }),
  output: z.object({ total: z.number() }),
  async run(job, { ms, steps }) {
    let total = 0;
    for (let step = 0; step < steps; step++) total += (await job.step(`sleep/${step}`, slow, { ms })).slept;
    const both = await Promise.all([job.step("a", slow, { ms }), job.step("b", slow, { ms })]);
    return { total: total + both[0].slept + both[1].slept };
  },
});

export default defineApp({
  workflows: [one("echoes", echo), one("step-throws", throwing), one("streams", streaming), bug, sleepy],
  capabilities: [echo, slow, throwing, streaming],
});
