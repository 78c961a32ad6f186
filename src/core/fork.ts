import { type Commit, type ErrorInfo, type EventBody, type EventOf, eventsOf } from "../contract/events.ts";
import { ADVANCE_STEP } from "./state.ts";

/** The answers of a job that a fork of it begins with, and up to which event they go. */
export interface Kept {
  readonly seq: number;
  readonly events: readonly EventBody[];
}

/**
 * What a new job's log takes over from an old one: recorded values, waits that are over, and what had answered its steps
 * up to the result of step `after`, in the order in which it came: results, and failures that the workflow has seen.
 * Without `after`, nothing. Undefined where that step has no result.
 */
export function keptBy(commits: readonly Commit[], after: string | undefined): Kept | undefined {
  if (after === undefined) return { seq: 1, events: [] };
  const values: EventBody[] = [];
  const timers = new Map<string, EventOf<"timer.set">>();
  const requests = new Map<string, EventOf<"step.requested">>();
  const letters = new Map<string, ErrorInfo>();
  const answers = new Set<EventOf<"timer.fired"> | EventOf<"signal.received"> | Answer>();
  for (const { seq, jobId: _, tenant: __, time: ___, ...event } of commits.flatMap(eventsOf)) {
    if ("stepId" in event && event.stepId === ADVANCE_STEP) continue;
    switch (event.type) {
      case "value.recorded":
        values.push(event);
        break;
      case "timer.set":
        timers.set(event.timerId, event);
        break;
      case "timer.fired": {
        const set = timers.get(event.timerId);
        if (set) values.push(set);
        answers.add(event);
        break;
      }
      case "signal.requested":
        values.push(event);
        break;
      case "signal.received":
        answers.add({ type: event.type, signal: event.signal, payload: event.payload, by: "fork" });
        break;
      case "step.requested":
        requests.set(event.stepId, event);
        break;
      case "step.redriven": {
        const request = requests.get(event.stepId);
        if (request && event.input !== undefined) requests.set(event.stepId, { ...request, input: event.input });
        break;
      }
      case "step.dead_lettered":
        // Its failure has not come to the workflow: a person decides what does.
        for (const answer of answers) if ("stepId" in answer && answer.stepId === event.stepId) answers.delete(answer);
        letters.set(event.stepId, event.error);
        break;
      case "step.failed":
      case "step.discarded":
      case "step.completed": {
        const answer = answerOf(event, letters.get(event.stepId));
        if (answer) answers.add(answer);
        if (event.type !== "step.completed" || event.stepId !== after) break;
        const asked = [...answers].flatMap((one) => ("stepId" in one && requests.get(one.stepId)) || []);
        return { seq, events: [...values, ...asked, ...answers] };
      }
    }
  }
  return undefined;
}

type Answer = EventOf<"step.completed"> | EventOf<"step.failed"> | EventOf<"step.discarded">;

/** The same answer in another log, where nobody has worked or paid for it. Undefined for a failure that is tried again. */
function answerOf(event: Answer, letter: ErrorInfo | undefined): Answer | undefined {
  const about = { stepId: event.stepId, capability: event.capability, attempt: 0, by: "fork" } as const;
  switch (event.type) {
    case "step.completed":
      return { type: event.type, ...about, result: event.result };
    case "step.failed":
      return event.final ? { type: event.type, ...about, error: event.error, counts: true, final: true } : undefined;
    case "step.discarded": {
      const cause = event.by === "fork" ? event.cause : letter;
      return { type: event.type, ...about, reason: event.reason, ...(cause === undefined ? {} : { cause }) };
    }
  }
}
