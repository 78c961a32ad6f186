import type { EventOf, JobEvent } from "../../src/contract/events.ts";

type AttemptEnd = (EventOf<"step.completed"> | EventOf<"step.failed"> | EventOf<"step.in_doubt">) & {
  readonly atMs: number;
  readonly seq: number;
};

/** One attempt, as the log tells it. Times are epoch ms. */
export interface AttemptHistory {
  readonly attempt: number;
  readonly startedMs: number;
  /** What it streamed, as far as it is on record. */
  text: string;
  /** When the end of its stream was recorded. */
  finishedMs: number | undefined;
  end: AttemptEnd | undefined;
}

export interface StepHistory {
  readonly id: string;
  readonly capability: string;
  readonly attempts: AttemptHistory[];
  deadLettered: boolean;
}

/** Steps of a log and their attempts, in the order of the log. The workflow's own failures are no step's. */
export function stepsOf(log: readonly JobEvent[]): StepHistory[] {
  const steps = new Map<string, StepHistory>();
  for (const event of log) {
    if (!("stepId" in event)) continue;
    const atMs = Date.parse(event.time);
    if (event.type === "step.requested") {
      steps.set(event.stepId, { id: event.stepId, capability: event.capability, attempts: [], deadLettered: false });
      continue;
    }
    const step = steps.get(event.stepId);
    if (step === undefined) continue;
    if (event.type === "step.started") {
      step.attempts.push({
        attempt: event.attempt,
        startedMs: atMs,
        text: "",
        finishedMs: undefined,
        end: undefined,
      });
      continue;
    }
    if (event.type === "step.dead_lettered") {
      step.deadLettered = true;
      continue;
    }
    // Nobody redrives or discards in a soak.
    if (event.type === "step.redriven" || event.type === "step.discarded") continue;
    const attempt = step.attempts.findLast((each) => each.attempt === event.attempt);
    if (attempt === undefined) continue;
    if (event.type === "step.progress") {
      attempt.text += event.text ?? "";
      if (event.final) attempt.finishedMs = atMs;
    } else attempt.end ??= { ...event, atMs };
  }
  return [...steps.values()];
}

/** When a step's result was safe: recorded, or with the end of its stream. */
export function recordedMs({ attempts }: StepHistory): number | undefined {
  for (const { finishedMs, end } of attempts) {
    if (finishedMs !== undefined) return finishedMs;
    if (end?.type === "step.completed") return end.atMs;
  }
  return undefined;
}
