import { isTerminal, type JobEvent } from "../../src/contract/events.ts";
import type { ProviderCall } from "./ledger.ts";
import type { Broken, Written } from "./world.ts";

type Ended = Extract<JobEvent, { type: "step.completed" | "step.failed" | "step.in_doubt" }>;

/**
 * Accounts for every call that the provider has seen of one job: each is an attempt of the log that held its step, each
 * but a step's last has its end on record, no answer that is on record was asked for again, and what is recorded is what
 * was answered.
 */
export function brokenByCalls(
  calls: readonly ProviderCall[],
  log: readonly JobEvent[],
  written: (seq: number) => Written,
): Broken[] {
  const broken: Broken[] = [];
  const byStep = Map.groupBy(calls, ({ stepId }) => stepId);
  for (const [stepId, ofStep] of byStep) {
    const events = log.filter((event) => "stepId" in event && event.stepId === stepId);
    for (const [at, call] of ofStep.entries()) {
      const attempt = events.filter((event) => "attempt" in event && event.attempt === call.attempt);
      const say = (invariant: string, what: string): number =>
        broken.push({ invariant, what: `${stepId}#${call.attempt} ${what}` });
      const started = attempt.find(({ type }) => type === "step.started");
      if (started === undefined) say("3", "was called and is not in the log");
      else for (const what of brokenByHold(call, started, log, written)) say("3", what);
      if (ofStep.some((other, earlier) => earlier < at && other.attempt === call.attempt)) say("2", "was called twice");
      const end = attempt.find(endsAttempt);
      const isLast = at === ofStep.length - 1;
      if (!isLast && end === undefined)
        say("4", "was called, and the log does not say how it ended, although the step was called again");
      if (end?.type === "step.completed" && !isLast) say("4", "was paid for and recorded, and called again");
      const redriven = events.some((event) => event.type === "step.redriven" && event.base === call.attempt);
      if (!isLast && !redriven && attempt.some((event) => event.type === "step.progress" && event.final)) {
        say("4", "had its whole answer on record, and was called again");
      }
    }
  }
  for (const event of log) {
    if (event.type !== "step.completed" || event.by !== undefined) continue;
    const { stepId, attempt, result } = event;
    const text = (result as { text?: unknown } | undefined)?.text;
    const source = byStep.get(stepId)?.find((call) => call.text === text);
    const isOwn = source?.attempt === attempt && source.end === "returned";
    if (isOwn || (source && wasReattached(log, source))) continue;
    broken.push({ invariant: "4", what: `${stepId}#${attempt} is completed by an answer that nobody gave: ${text}` });
  }
  return broken;
}

/**
 * A call belongs to an attempt that holds its step. It begins only while that holds it, by the true time; and once its
 * process knows that it does not any more, the call does not go on. That another process has ended the job a call may
 * find out late.
 */
function brokenByHold(
  call: ProviderCall,
  started: JobEvent,
  log: readonly JobEvent[],
  written: (seq: number) => Written,
): string[] {
  const over = log.find((event) => event.seq > started.seq && endsHold(event, call.stepId));
  if (over === undefined) return [];
  const { atMs, by, heardMs } = written(over.seq);
  const isOwn = by === call.process;
  const broken: string[] = [];
  if (written(started.seq) === written(over.seq))
    broken.push(`was called, although its claim's commit has ${over.type}`);
  if (call.startedMs > atMs && (isOwn || !isTerminal(over))) broken.push(`was called after ${over.type}`);
  if (isOwn && heardMs !== undefined && (call.endedMs ?? Number.POSITIVE_INFINITY) > heardMs) {
    broken.push(`went on after its own process had written ${over.type}`);
  }
  return broken;
}

const endsHold = (event: JobEvent, stepId: string): boolean =>
  isTerminal(event) ||
  ("stepId" in event && event.stepId === stepId && (endsAttempt(event) || event.type === "step.dead_lettered"));

const endsAttempt = (event: JobEvent): event is Ended =>
  event.type === "step.completed" || event.type === "step.failed" || event.type === "step.in_doubt";

/** A provider's kept answer is recorded by the attempt that has asked for it, under the id that the call had told. */
const wasReattached = (log: readonly JobEvent[], { stepId, attempt, text }: ProviderCall): boolean =>
  log.some(
    (event) =>
      event.type === "step.progress" && event.stepId === stepId && event.attempt === attempt && event.keptAs === text,
  );
