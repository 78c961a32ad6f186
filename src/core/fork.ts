import { type Commit, type EventBody, type EventOf, eventsOf } from "../contract/events.ts";

/** The results of a job that a fork of it begins with, and up to which event they go. */
export interface Kept {
  readonly seq: number;
  readonly events: readonly EventBody[];
}

/**
 * What a new job's log takes over from an old one: recorded values, waits that are over, and results up to the one of step
 * `after`, in the order in which they came. Without `after`, nothing. Undefined where that step has no result.
 */
export function keptBy(commits: readonly Commit[], after: string | undefined): Kept | undefined {
  if (after === undefined) return { seq: 1, events: [] };
  const values: EventBody[] = [];
  const timers = new Map<string, EventOf<"timer.set">>();
  const requests = new Map<string, EventOf<"step.requested">>();
  const kept: EventBody[] = [];
  const results: EventBody[] = [];
  for (const { seq, jobId: _, tenant: __, time: ___, ...event } of commits.flatMap(eventsOf)) {
    if (event.type === "value.recorded") values.push(event);
    if (event.type === "timer.set") timers.set(event.timerId, event);
    if (event.type === "timer.fired") {
      const set = timers.get(event.timerId);
      if (set) values.push(set);
      results.push(event);
    }
    if (event.type === "step.requested") requests.set(event.stepId, event);
    if (event.type === "step.redriven" && event.input !== undefined) {
      const request = requests.get(event.stepId);
      if (request) requests.set(event.stepId, { ...request, input: event.input });
    }
    if (event.type !== "step.completed") continue;
    const request = requests.get(event.stepId);
    if (request) kept.push(request);
    const { stepId, capability, result } = event;
    results.push({ type: "step.completed", stepId, capability, attempt: 0, result, by: "fork" });
    if (stepId === after) return { seq, events: [...values, ...kept, ...results] };
  }
  return undefined;
}
