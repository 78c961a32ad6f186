import { readFile } from "node:fs/promises";
import { z } from "zod";
import { type Capability, defineApp, defineCapability, defineWorkflow, TerminalError } from "../../src/index.ts";

/** An app in which everything goes wrong that can, beside a workflow in which nothing does. */
const text = z.object({ text: z.string() });
const quick = { retry: { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 5 } };
/** Attempts of each step so far in this process. */
const attempts = new Map<string, number>();

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
const terminal = defineCapability({
  name: "terminal",
  input: text,
  output: text,
  onExhausted: "throw",
  run() {
    throw new TerminalError("no such model");
  },
});
const flaky = defineCapability({
  ...quick,
  name: "flaky",
  input: text,
  output: text,
  run(input, { idempotencyKey }) {
    const attempt = (attempts.get(idempotencyKey) ?? 0) + 1;
    attempts.set(idempotencyKey, attempt);
    if (attempt === 1) throw new Error("not yet");
    return input;
  },
});
const forbidden = defineCapability({
  name: "forbidden",
  input: text,
  output: z.object({ text: z.string(), count: z.number() }),
  run: () => ({ text: 7, count: "many" }) as never,
});
const huge = defineCapability({
  name: "huge",
  input: text,
  output: text,
  run: () => ({ text: "x".repeat(5 * 1024 * 1024) }),
});
const hanging = defineCapability({
  name: "hanging",
  input: text,
  output: text,
  timeoutMs: 1_000,
  retry: { maxAttempts: 1 },
  run: () => new Promise<never>(() => {}),
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

const twice = defineWorkflow({
  name: "same-id-twice",
  input: text,
  output: text,
  async run(job, input) {
    const [first] = await Promise.all([job.step("same", echo, input), job.step("same", echo, { text: "other" })]);
    return first;
  },
});
const impure = defineWorkflow({
  name: "awaits-no-step",
  input: text,
  output: text,
  async run(job, input) {
    const first = await job.step("first", echo, input);
    await readFile(import.meta.filename);
    return first;
  },
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
const typed = defineWorkflow({
  name: "typed",
  input: z.object({ name: z.string().min(3), age: z.number().int(), tags: z.array(z.string()) }),
  output: text,
  run: (job, { name }) => job.step("only", echo, { text: name }),
});

export default defineApp({
  workflows: [
    one("echoes", echo),
    one("step-throws", throwing),
    one("step-terminal", terminal),
    one("step-flaky", flaky),
    one("step-forbidden", forbidden),
    one("step-huge", huge),
    one("step-hangs", hanging),
    one("streams", streaming),
    twice,
    impure,
    bug,
    sleepy,
    typed,
  ],
  capabilities: [echo, slow, throwing, terminal, flaky, forbidden, huge, hanging, streaming],
});
