import { isDeepStrictEqual } from "node:util";
import type { JobView } from "../../src/contract/api.ts";
import type { JobEvent } from "../../src/contract/events.ts";
import { brokenInvariants } from "../../src/testing/check-log.ts";
import { startWitness, type Witness } from "../../test/conformance/witness.ts";
import type { Api } from "./api.ts";
import { Violations } from "./steps.ts";

/** A message comes back when its invisibility is over, or the reconciler sends another: a minute or two. */
const RECOVERED_WITHIN_MS = 240_000;
const SHAPES = ["streamed", "not-streamed"] as const;
type Shape = (typeof SHAPES)[number];

/**
 * Jobs of the app's workflow `crash`, whose first call ends its function's process between the model's answer and its
 * record. The model is here, so that no crash can lose its count of calls.
 */
export class Crashes implements AsyncDisposable {
  readonly #api: Api;
  readonly #model: Witness;
  readonly #ids: Readonly<Record<Shape, string>>;

  private constructor(api: Api, model: Witness, ids: Record<Shape, string>) {
    this.#api = api;
    this.#model = model;
    this.#ids = ids;
  }

  /** Sends them on their way. What comes of them takes a while: a lease has to end. */
  static async begin(api: Api): Promise<Crashes> {
    const model = await startWitness();
    const submit = (text: Shape) => api.submit("crash", { model: model.url, text, streams: text === "streamed" });
    const [streamed, not] = await Promise.all(SHAPES.map(submit));
    return new Crashes(api, model, { streamed: streamed?.id ?? "", "not-streamed": not?.id ?? "" });
  }

  /** Resolves with what the crashes cost. Throws {@link Violations} where one cost more, or where nothing crashed. */
  async judge(): Promise<string> {
    const told = await Promise.all([this.#judge("streamed", judgeStreamed), this.#judge("not-streamed", judgeOther)]);
    const wrong = told.flatMap((each) => each.wrong);
    if (wrong.length > 0) throw new Violations(wrong);
    return told.map(({ said }) => said).join("\n");
  }

  async #judge(shape: Shape, judge: (crashed: Crashed) => string[]): Promise<{ said: string; wrong: string[] }> {
    const id = this.#ids[shape];
    const job = await this.#api.settled(id, RECOVERED_WITHIN_MS);
    const log = await this.#api.events(id);
    const calls = this.#model.heard.filter((call) => call.startsWith(`${shape} `)).length;
    const wrong = [...brokenInvariants(log, new Map()), ...judge({ job, log, calls })];
    if (job.status !== "completed") wrong.push(`the job is ${job.status}`);
    if (recoveredBeforeLease(log))
      wrong.push("its result was recorded within the lease of its first attempt: nothing crashed");
    const cost = `${calls} of the model, used ${JSON.stringify(job.usage)}, in doubt ${JSON.stringify(job.usageInDoubt ?? {})}`;
    return {
      said: `${shape}: calls ${cost}; recovered ${(recoveryMs(log) / 1_000).toFixed(1)} s after the answer was lost`,
      wrong: wrong.map((line) => `${shape} (${id}): ${line}`),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model[Symbol.asyncDispose]();
  }
}

interface Crashed {
  readonly job: JobView;
  readonly log: readonly JobEvent[];
  readonly calls: number;
}

/** A stream that had ended is taken from the log: nothing is called again, nothing is in doubt. */
function judgeStreamed({ job, log, calls }: Crashed): string[] {
  const wrong: string[] = [];
  if (calls !== 1) wrong.push(`the model was called ${calls} times, not once`);
  if (log.some(({ type }) => type === "step.in_doubt"))
    wrong.push("its attempt is in doubt, although its stream had ended");
  if (!log.some((event) => event.type === "step.progress" && event.final))
    wrong.push("no end of its stream is on record");
  if (job.usageInDoubt !== undefined) wrong.push(`${JSON.stringify(job.usageInDoubt)} are in doubt`);
  return wrong;
}

/** An answer that nothing of was recorded is in doubt, once, and what it may have used is on record beside what was used. */
function judgeOther({ job, log, calls }: Crashed): string[] {
  const wrong: string[] = [];
  const doubts = log.filter((event) => event.type === "step.in_doubt");
  if (doubts.length !== 1 || doubts[0]?.policy !== "rerun") wrong.push(`in doubt: ${JSON.stringify(doubts)}`);
  if (calls !== 1 + doubts.length) wrong.push(`the model was called ${calls} times, with ${doubts.length} in doubt`);
  const [doubt] = doubts;
  if (doubt?.estimate === undefined || !isDeepStrictEqual(doubt.estimate, job.usageInDoubt)) {
    wrong.push(`estimated ${JSON.stringify(doubt?.estimate)}, on record ${JSON.stringify(job.usageInDoubt)}`);
  }
  if (job.usage.inputTokens === undefined) wrong.push("what the second call used is not on record");
  return wrong;
}

const timeOf = (event: JobEvent | undefined): number => Date.parse(event?.time ?? "");
const completion = (log: readonly JobEvent[]): JobEvent | undefined =>
  log.find(({ type }) => type === "step.completed");

/** From the last that the first attempt recorded to the result, in ms. */
function recoveryMs(log: readonly JobEvent[]): number {
  const ofFirst = log.filter(
    (event) => (event.type === "step.started" || event.type === "step.progress") && event.attempt === 1,
  );
  return timeOf(completion(log)) - timeOf(ofFirst.at(-1));
}

function recoveredBeforeLease(log: readonly JobEvent[]): boolean {
  const ends = log.flatMap((event) => {
    if (event.type === "step.started" && event.attempt === 1) return [Date.parse(event.lease.until)];
    return event.type === "step.progress" && event.attempt === 1 ? [Date.parse(event.leaseUntil)] : [];
  });
  return timeOf(completion(log)) < Math.max(...ends);
}
