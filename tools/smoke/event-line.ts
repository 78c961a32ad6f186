import type { JobEvent } from "../../src/contract/events.ts";

/** An event in a line: the seconds since the job was submitted, by the log's own times, and what happened. */
export function eventLine(event: JobEvent, sinceMs: number): string {
  const seconds = ((Date.parse(event.time) - sinceMs) / 1_000).toFixed(2);
  return `  ${seconds.padStart(7)} s  ${event.type.padEnd(18)} ${detailOf(event)}`.trimEnd();
}

function detailOf(event: JobEvent): string {
  switch (event.type) {
    case "job.submitted":
      return event.workflow;
    case "job.failed":
      return event.error.name;
    case "step.requested":
      return `${event.stepId} (${event.capability})`;
    case "step.started":
      return `${event.stepId} attempt ${event.attempt}`;
    case "step.progress":
      return `${event.stepId} ${event.offset + (event.text?.length ?? 0)} characters`;
    case "step.failed":
      return `${event.stepId} attempt ${event.attempt}: ${event.error.name}: ${event.error.message}`;
    case "step.completed":
    case "step.in_doubt":
    case "step.dead_lettered":
      return event.stepId;
    case "value.recorded":
      return event.valueId;
    default:
      return "";
  }
}
