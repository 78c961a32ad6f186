import { createHash } from "node:crypto";
import { z } from "zod";
import {
  defineApp,
  defineCapability,
  defineWorkflow,
  retrieval,
  TerminalError,
  ThrottledError,
} from "../../../src/index.ts";

/** Characters that gzip does not make much fewer. */
export const text = (characters: number): string => {
  let made = "";
  for (let n = 0; made.length < characters; n++) made += createHash("sha512").update(String(n)).digest("base64");
  return made.slice(0, characters);
};
const LARGE = 200_000;

/** Answers with as many characters as it is asked for. */
const echo = defineCapability({
  name: "echo",
  input: z.object({
    n: z.number(),
    characters: z.number().default(1),
    note: z.string().default(""),
    streams: z.boolean().default(false),
  }),
  output: z.string(),
  secrets: ["SEARCH_KEY"],
  async run({ characters, streams }, step) {
    if (!streams) return text(characters);
    step.progress("as it comes");
    // So long that who watches is sent it before the log has it.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return text(characters);
  },
});

/** Fails in the way that it is told. */
const moody = defineCapability({
  name: "moody",
  input: z.object({ mood: z.enum(["throttled", "fails once", "doomed"]) }),
  output: z.string(),
  retry: { baseDelayMs: 1 },
  // It has a circuit.
  provider: () => ({ name: "moods" }),
  run({ mood }, { attempt }) {
    if (mood === "doomed") throw new TerminalError("it never works");
    if (attempt > 1) return "in the end";
    throw mood === "throttled" ? new ThrottledError("too many", 1) : new Error("it does not work yet");
  },
});

/** Nobody works on it, and a later deployment does not know it. */
const gone = defineCapability({ name: "gone", input: z.object({}), output: z.string(), run: () => "never" });

const Input = z.discriminatedUnion("way", [
  z.object({ way: z.literal("find"), query: z.string(), note: z.string() }),
  z.object({ way: z.literal("mood"), mood: z.enum(["throttled", "fails once", "doomed"]) }),
  z.object({ way: z.literal("chain"), steps: z.number() }),
  z.object({ way: z.literal("no worker goes on") }),
  z.object({ way: z.literal("broken") }),
]);

/** Goes one way through a job for each that something else can happen on. */
const ways = defineWorkflow({
  name: "ways",
  input: Input,
  output: z.unknown(),
  async run(job, input) {
    switch (input.way) {
      case "find":
        return [
          await job.retrieve("find", { query: input.query }),
          await job.step("large", echo, { n: 0, characters: LARGE, streams: true }),
        ];
      case "mood":
        return job.step("moody", moody, { mood: input.mood });
      case "chain":
        for (let n = 0; n < input.steps; n++) await job.step(`s${n}`, echo, { n });
        return job.step("gone", gone, {});
      case "no worker goes on": {
        const first = await job.step("first", echo, { n: 0, characters: LARGE });
        // Only the function that does nothing else brings the workflow forward from here.
        if (process.env.SLUICE_CAPABILITY !== undefined) throw new Error("not in a worker");
        return job.step("second", echo, { n: 1, note: first });
      }
      case "broken": {
        const first = await job.step("first", echo, { n: 0, characters: LARGE });
        throw new Error(`a bug beside ${first.length} characters`);
      }
    }
  },
});

const known = [retrieval, echo, moody];
export const later = defineApp({ workflows: [ways], capabilities: known });
export default defineApp({ workflows: [ways], capabilities: [...known, gone] });
