import { z } from "zod";
import { defineCapability, HeldError, type StepContext, TerminalError, ThrottledError } from "../../../src/index.ts";

/**
 * What goes wrong is told by the step's input and its attempt, never by what a process remembers: on AWS each attempt may be
 * another process's. Waits are short, but a queue of SQS counts in whole seconds.
 */
const retry = { maxAttempts: 2, baseDelayMs: 200, maxDelayMs: 1_000 };
const Text = z.object({ text: z.string() });

/** Gives back what it got: `characters` of text, if it is told how many. */
export const repeat = defineCapability({
  name: "repeat",
  description: "Returns its text",
  input: z.object({ text: z.string(), characters: z.number().int().optional() }),
  output: Text,
  retry,
  run: ({ text, characters = text.length }) => ({
    text: text.repeat(Math.ceil(characters / Math.max(1, text.length))).slice(0, characters),
  }),
});

/** How a call of {@link fragile} goes. */
export const Fate = z.enum([
  "streams",
  "fails-once",
  "throttled-first",
  "sits-out-an-outage",
  "always-fails",
  "fails-by-name",
  "pays-and-fails",
  "well-at-the-fourth",
  "is-stopped",
  "returns-what-is-forbidden",
]);

/** Fails in each way that its policy decides about; what is given up goes to the dead letters. */
export const fragile = defineCapability({
  name: "fragile",
  description: "Fails as it is told",
  input: Text.extend({ fate: Fate, witness: z.url().optional() }),
  output: Text.extend({ count: z.number().optional() }),
  retry,
  run({ text, fate, witness }, step) {
    switch (fate) {
      case "streams":
        for (const word of text.split(" ")) step.progress(`${word} `);
        step.usage({ model: "conformance", inputTokens: 3, outputTokens: 4 });
        return { text };
      case "fails-once":
        if (step.attempt === 1) throw new Error("not yet");
        return { text };
      case "throttled-first":
        if (step.attempt === 1) throw new ThrottledError("busy", 500);
        if (step.attempt === 2) throw new Error("not yet");
        return { text };
      case "sits-out-an-outage":
        if (step.attempt <= 3) throw new ThrottledError(step.attempt === 2 ? "503" : "429", 600);
        if (step.attempt === 4) throw new Error("not yet");
        return { text };
      case "fails-by-name":
        if (step.attempt <= retry.maxAttempts) throw Object.assign(new Error("no"), { name: text });
        return { text };
      case "pays-and-fails":
        step.usage({ model: "conformance", inputTokens: 5, outputTokens: 1 });
        throw new Error("paid for nothing");
      case "well-at-the-fourth":
        if (step.attempt <= 3) throw new Error("not yet");
        return { text };
      case "is-stopped":
        return untilStopped(step, witness);
      case "always-fails":
        throw new Error("the dependency is on fire", { cause: new Error("smoke") });
      case "returns-what-is-forbidden":
        return { text: 7, count: "many" } as never;
    }
  },
});

/**
 * Comes to no end of its own. What stops it goes on record, where anything of its attempt still can, and to a witness:
 * whoever listens there sees that the call itself was stopped, and not only what is said of it.
 */
function untilStopped(step: StepContext, witness?: string): Promise<never> {
  return new Promise((_, reject) => {
    const stopped = (): void => {
      const { name } = step.signal.reason as Error;
      step.progress(`stopped by ${name}`);
      if (witness !== undefined) fetch(witness, { method: "POST", body: name }).catch(() => {});
      reject(step.signal.reason);
    };
    if (step.signal.aborted) stopped();
    else step.signal.addEventListener("abort", stopped);
  });
}

/** Fails for good, for its workflow to hear; but where a person is needed, it waits for one. */
export const hopeless = defineCapability({
  name: "hopeless",
  description: "Fails for good",
  input: Text.extend({ held: z.boolean().default(false) }),
  output: Text,
  retry,
  onExhausted: "throw",
  run({ text, held }) {
    throw held ? new HeldError(`nobody has allowed ${text}`) : new TerminalError(`no such model: ${text}`);
  },
});

/** Takes its time, and is soon asked for too much. */
export const scarce = defineCapability({
  name: "scarce",
  description: "Takes as long as it is told, and lets one message wait",
  input: z.object({ ms: z.number().int() }),
  output: z.object({ ms: z.number().int() }),
  retry,
  concurrency: 2,
  batchSize: 1,
  maxBacklog: 1,
  async run({ ms }) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { ms };
  },
});

/** Takes its time: `ms` of it, or all that it has and more. Two at once, one by one, so that a backlog can be seen. */
export const slow = defineCapability({
  name: "slow",
  description: "Takes as long as it is told",
  input: z.object({ ms: z.number().int().optional() }),
  output: z.object({ ms: z.number().int() }),
  retry: { ...retry, maxAttempts: 1 },
  timeoutMs: 1_000,
  concurrency: 2,
  batchSize: 1,
  async run({ ms }, step) {
    if (ms === undefined) return untilStopped(step);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { ms };
  },
});
