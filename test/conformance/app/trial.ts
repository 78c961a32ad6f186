import { z } from "zod";
import { defineWorkflow, type Job, JobFailedError, StepFailedError } from "../../../src/index.ts";
import { Fate, fragile, hopeless, repeat, scarce, slow } from "./capabilities.ts";

const Mode = z.enum([
  ...Fate.options,
  "grows",
  "grows-too-large",
  "recalls",
  "naps",
  "races",
  "is-signalled",
  "is-signalled-late",
  "two-steps",
  "second-fails",
  "survives",
  "sleeps",
  "queues",
  "hangs",
  "fails-for-good",
  "recovers",
  "needs-a-person",
  "gives-up",
  "throws",
  "is-repaired",
  "uses-an-id-twice",
  "awaits-no-step",
  "returns-what-it-must-not",
]);
type Mode = z.infer<typeof Mode>;

const Trial = z.object({
  mode: Mode,
  text: z.string(),
  size: z.number().int().max(3_000_000).default(1),
  witness: z.url().optional(),
});
type Trial = z.output<typeof Trial>;

const signals = {
  approval: z.object({ by: z.string(), note: z.string().default("fine") }),
  other: z.string().optional(),
};
type TrialJob = Job<typeof signals>;

/** One way for a job to go in each mode. */
export const trial = defineWorkflow({
  name: "trial",
  description: "Goes as its mode says",
  input: Trial,
  output: z.object({ text: z.string(), numbers: z.array(z.number()).optional() }),
  signals,
  example: { mode: "fails-once", text: "again" },
  run: (job, input) => run[input.mode](job, input),
});

type Outcome = Promise<{ text: string; numbers?: number[] }>;

const fated = (job: TrialJob, { mode, text }: Trial): Outcome =>
  job.step("only", fragile, { text, fate: mode as z.infer<typeof Fate> });

const run: Readonly<Record<Mode, (job: TrialJob, input: Trial) => Outcome>> = {
  streams: fated,
  "fails-once": fated,
  "throttled-first": fated,
  "always-fails": fated,
  "sits-out-an-outage": fated,
  "fails-by-name": fated,
  "pays-and-fails": fated,
  "well-at-the-fourth": fated,
  "returns-what-is-forbidden": fated,
  async "is-stopped"(job, { text, witness }) {
    await Promise.all([
      job.step("beside", repeat, { text }),
      job.step("only", fragile, { text, fate: "is-stopped", ...(witness === undefined ? {} : { witness }) }),
    ]);
    return job.step("after", repeat, { text });
  },
  grows: (job, { text, size }) => job.step("only", repeat, { text, characters: size }),
  "grows-too-large": (job, { text, size }) => job.step("only", repeat, { text, characters: size }),
  recalls,
  async naps(job, { text, size }) {
    await job.sleep("nap", size);
    return job.step("after", repeat, { text });
  },
  races,
  async "is-signalled"(job) {
    const { by, note } = await job.signal("approval");
    return job.step("after", repeat, { text: `${by}: ${note}` });
  },
  async "is-signalled-late"(job, { text, size }) {
    await job.sleep("nap", size);
    const { by } = await job.signal("approval");
    return { text: `${text} ${by}` };
  },
  async "two-steps"(job, { text }) {
    const first = await job.step("first", repeat, { text });
    const second = await job.step("second", repeat, { text });
    return { text: `${first.text} ${second.text}` };
  },
  async "second-fails"(job, { text }) {
    await job.step("first", fragile, { text, fate: "streams" });
    return job.step("second", fragile, { text, fate: "pays-and-fails" });
  },
  async survives(job, { text }) {
    try {
      return await job.step("first", fragile, { text, fate: "always-fails" });
    } catch (error) {
      if (!(error instanceof StepFailedError)) throw error;
      return job.step("instead", repeat, { text: `${error.info.name}: ${error.info.message}` });
    }
  },
  async sleeps(job, { text, size }) {
    await job.step("only", slow, { ms: size });
    return { text };
  },
  async queues(job, { text, size }) {
    await job.step("only", scarce, { ms: size });
    return { text };
  },
  async hangs(job, { text }) {
    await job.step("only", slow, {});
    return { text };
  },
  "fails-for-good": (job, { text }) => job.step("only", hopeless, { text }),
  async recovers(job, { text }) {
    try {
      return await job.step("first", hopeless, { text });
    } catch (error) {
      if (!(error instanceof StepFailedError)) throw error;
      return job.step("instead", repeat, { text: `instead of ${error.stepId}` });
    }
  },
  "needs-a-person": (job, { text }) => job.step("only", hopeless, { text, held: true }),
  async "gives-up"(job, { text }) {
    await job.step("first", repeat, { text });
    throw new JobFailedError("there is nothing to be done", { about: text });
  },
  async throws(job, { text }) {
    const first = await job.step("first", repeat, { text });
    return { text: (first as unknown as { no: { such: string } }).no.such };
  },
  /** Broken for `size` ms, as if somebody deployed a repair then. A pass that throws leaves no time on record. */
  async "is-repaired"(job, { text, size }) {
    const begun = await job.now("begun");
    const first = await job.step("first", repeat, { text });
    if ((await job.now("now")).getTime() - begun.getTime() < size) throw new Error("not repaired yet");
    return first;
  },
  async "uses-an-id-twice"(job, { text }) {
    const [first] = await Promise.all([
      job.step("same", repeat, { text }),
      job.step("same", repeat, { text: "other" }),
    ]);
    return first;
  },
  async "awaits-no-step"(job, { text }) {
    const first = await job.step("first", repeat, { text });
    await new Promise((resolve) => setTimeout(resolve, 1));
    return first;
  },
  async "returns-what-it-must-not"(job, { text }) {
    await job.step("first", repeat, { text });
    return { text: 7 } as never;
  },
};

/** Whoever is first, every later pass must see the same one win. Both have come to their end before the last pass. */
async function races(job: TrialJob, { text, size }: Trial): Outcome {
  const slowly = job.step("slowly", slow, { ms: size }).then(() => "step");
  const nap = job.sleep("nap", size).then(() => "sleep");
  const winner = await Promise.race([slowly, nap]);
  const first = await job.step(`after the ${winner}`, repeat, { text });
  await Promise.all([slowly, nap]);
  await job.step("last", repeat, { text });
  return { text: `${winner} ${first.text}` };
}

/** What is not the same twice is recorded: each pass of the workflow must see the first one's. */
async function recalls(job: TrialJob, { text }: Trial): Outcome {
  const before = [(await job.now("begin")).getTime(), await job.random("one"), await job.random("two")];
  for (let n = 0; n < 2; n++) await job.step(`step/${n}`, repeat, { text });
  const after = [(await job.now("begin")).getTime(), await job.random("one"), await job.random("two")];
  const end = (await job.now("end")).getTime();
  return { text, numbers: [...before, ...after, end] };
}
