import { answerTo } from "./ask.ts";
import type { Life } from "./engine-process.ts";
import { isInference, type ModelCall } from "./model-call.ts";
import { MODEL_CAPABILITIES } from "./shapes.ts";
import { type AttemptHistory, recordedMs, type StepHistory } from "./step-history.ts";

/** What steps cost, summed. "Of the model": steps whose every attempt is one call of the model server. */
export interface Figures {
  steps: number;
  modelSteps: number;
  /** Attempts of the model's steps. */
  attempts: number;
  /** Their calls, as the model server has counted them; of these, inferences are all that it did not refuse. */
  calls: number;
  inferences: number;
  /** Attempts that were claimed and whose call never arrived. */
  unreached: number;
  /** Why there were further attempts, by the log: `step.in_doubt` with rerun, `step.failed` that goes on. */
  reruns: number;
  failed: number;
  throttled: number;
  /** Reruns of calls that the model had answered: what the crashes wasted. */
  answersLost: number;
  /** Streams whose end was recorded by one process and their result by the next, without another call. */
  recovered: number;
  /** Steps that were set aside because too many of their attempts were in doubt. */
  held: number;
  /** Of other steps: reruns and attempts. */
  otherReruns: number;
  otherAttempts: number;
}

export const noFigures = (): Figures => ({
  ...{ steps: 0, modelSteps: 0, attempts: 0, calls: 0, inferences: 0, unreached: 0, reruns: 0, failed: 0 },
  ...{ throttled: 0, answersLost: 0, recovered: 0, held: 0, otherReruns: 0, otherAttempts: 0 },
});

/** Which process of the engine was there at a time: they never overlap. */
export const generationAt = (lives: readonly Life[], atMs: number): number =>
  lives.findLast(({ startedMs }) => startedMs <= atMs)?.generation ?? -1;

/**
 * Holds the log of a step against the calls that the model server has counted for it, adds it to `figures`, and says what
 * does not agree:
 *
 * 1. Every call is an attempt's on record, by the process that made it; no attempt has two.
 * 2. An attempt that completed has one call, and it was answered; one that failed has one, and the model is to blame.
 *    Only an attempt in doubt may have none: it was killed between its claim and its call.
 * 3. Nothing is called after the result, or the end of its stream, was recorded.
 * 4. An attempt is in doubt only if its process was killed. Each but the first follows one in doubt or failed, on record.
 */
export function accountFor(
  job: string,
  step: StepHistory,
  calls: readonly ModelCall[],
  lives: readonly Life[],
  figures: Figures,
): string[] {
  const broken: string[] = [];
  const isModel = MODEL_CAPABILITIES.includes(step.capability);
  figures.steps += 1;
  if (isModel) figures.modelSteps += 1;
  for (const [index, attempt] of step.attempts.entries()) {
    broken.push(...ofLog(attempt, step.attempts[index - 1], lives));
    count(attempt, isModel, lives, figures);
  }
  const last = step.attempts.at(-1);
  if (step.deadLettered && last?.end?.type === "step.in_doubt") figures.held += 1;
  if (isModel) {
    figures.attempts += step.attempts.length;
    figures.calls += calls.length;
    figures.inferences += calls.filter(isInference).length;
    broken.push(...ofCalls(step, calls, lives, figures));
    if (last?.end?.type === "step.completed") broken.push(...ofResult(job, step, last));
  } else figures.otherAttempts += step.attempts.length;
  return broken.map((what) => `${job} step ${step.id}: ${what}`);
}

function ofLog(attempt: AttemptHistory, before: AttemptHistory | undefined, lives: readonly Life[]): string[] {
  const broken: string[] = [];
  const { end } = attempt;
  if (before !== undefined) {
    const reason = before.end;
    const isReason =
      (reason?.type === "step.in_doubt" && reason.policy === "rerun") ||
      (reason?.type === "step.failed" && !reason.final);
    if (!isReason) broken.push(`attempt ${attempt.attempt} has no reason on record`);
  }
  if (end?.type === "step.in_doubt" && generationAt(lives, attempt.startedMs) === generationAt(lives, end.atMs)) {
    broken.push(`attempt ${attempt.attempt} is in doubt, though its process was not killed`);
  }
  return broken;
}

function count(attempt: AttemptHistory, isModel: boolean, lives: readonly Life[], figures: Figures): void {
  const { end, finishedMs } = attempt;
  if (end?.type === "step.in_doubt" && end.policy === "rerun") figures[isModel ? "reruns" : "otherReruns"] += 1;
  if (end?.type === "step.failed" && !end.final && isModel) figures[end.counts ? "failed" : "throttled"] += 1;
  if (end?.type !== "step.completed" || finishedMs === undefined) return;
  if (generationAt(lives, finishedMs) < generationAt(lives, end.atMs)) figures.recovered += 1;
}

/** Calls of one process are its attempts' in their order: one begins only when the one before has failed, on record. */
function ofCalls(step: StepHistory, calls: readonly ModelCall[], lives: readonly Life[], figures: Figures): string[] {
  const broken: string[] = [];
  const attempts = Map.groupBy(step.attempts, ({ startedMs }) => generationAt(lives, startedMs));
  const made = Map.groupBy(calls, ({ generation }) => generation);
  for (const generation of new Set([...attempts.keys(), ...made.keys()])) {
    const started = attempts.get(generation) ?? [];
    const arrived = (made.get(generation) ?? []).toSorted((a, b) => a.acceptedMs - b.acceptedMs);
    if (arrived.length > started.length) {
      const [calls, on] = [`${arrived.length} calls`, `${started.length} attempts on record`];
      broken.push(`process ${generation} made ${calls} of the model, with ${on}`);
    }
    for (const [index, attempt] of started.entries()) broken.push(...ofAttempt(attempt, arrived[index], figures));
  }
  const safeMs = recordedMs(step);
  const late = calls.filter(({ acceptedMs }) => safeMs !== undefined && acceptedMs > safeMs);
  if (late.length > 0) broken.push(`called ${late.length} times more after its result was recorded`);
  return broken;
}

/** Ways for a call to end that make its attempt fail; `abandoned` is a caller that had waited too long. */
const BLAME: readonly ModelCall["outcome"][] = ["throttled", "failed", "refused", "broken", "hung", "abandoned"];

function ofAttempt(
  { attempt, startedMs, end }: AttemptHistory,
  call: ModelCall | undefined,
  figures: Figures,
): string[] {
  const said = `attempt ${attempt}`;
  if (call === undefined) {
    figures.unreached += 1;
    return end?.type === "step.in_doubt"
      ? []
      : [`${said} ${end?.type ?? "has no end"}, and the model was never called`];
  }
  const broken: string[] = [];
  if (call.acceptedMs < startedMs) broken.push(`${said} was called before its claim`);
  if (call.attempt !== undefined && call.attempt !== attempt) broken.push(`${said} called as attempt ${call.attempt}`);
  if (end?.type === "step.completed" && call.outcome !== "answered") {
    broken.push(`${said} completed, and its call was ${call.outcome}`);
  }
  if (end?.type === "step.failed" && !BLAME.includes(call.outcome)) {
    broken.push(`${said} failed (${end.error.name}), and its call was ${call.outcome}`);
  }
  if (end?.type === "step.in_doubt" && call.outcome === "answered") figures.answersLost += 1;
  return broken;
}

/** What is recorded is what the model said, whole. */
function ofResult(job: string, step: StepHistory, { text, finishedMs, end }: AttemptHistory): string[] {
  const broken: string[] = [];
  const result = end?.type === "step.completed" ? (end.result as { readonly text?: unknown }).text : undefined;
  if (result !== answerTo({ job, step: step.id })) broken.push("its result is not what the model answered");
  if (finishedMs !== undefined && text !== result) broken.push("its recorded stream is not its result");
  return broken;
}
