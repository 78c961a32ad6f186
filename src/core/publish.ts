import type { EventBody } from "../contract/events.ts";
import { type Message, type MessageDetail, STEPS_PER_MESSAGE, topics } from "../contract/messages.ts";
import type { App } from "./define-app.ts";
import { isEnded, type JobState } from "./state.ts";

/** The messages that follow from what a commit says. `state` already holds its events. */
export function messagesFor(state: JobState, events: readonly EventBody[], app: App): Message[] {
  const messages: Message[] = [];
  const detail = detailOf(state);
  const requested = new Map<string, string[]>();
  for (const event of events) {
    switch (event.type) {
      case "job.submitted":
        messages.push({ topic: topics.requested(state.workflow), detail });
        break;
      case "job.completed":
        messages.push({ topic: topics.completed(state.workflow), detail });
        break;
      case "job.failed":
      case "job.expired":
        messages.push({ topic: topics.failed(state.workflow), detail });
        break;
      case "step.requested": {
        const ids = requested.get(event.capability);
        if (ids) ids.push(event.stepId);
        else requested.set(event.capability, [event.stepId]);
        break;
      }
      case "step.completed":
        if (app.capabilities.get(event.capability)?.announce) {
          messages.push({ topic: topics.completed(event.capability), detail: { ...detail, stepIds: [event.stepId] } });
        }
        break;
      case "step.dead_lettered":
        if (app.capabilities.get(event.capability)?.announce) {
          messages.push({ topic: topics.failed(event.capability), detail: { ...detail, stepIds: [event.stepId] } });
        }
        break;
      default:
        break;
    }
  }
  if (!isEnded(state)) for (const [name, ids] of requested) messages.push(...stepMessages(detail, name, ids, app));
  return messages;
}

/** Asks for what a job still waits for: steps that nobody holds, or the workflow itself. Used when messages may be lost. */
export function outstanding(state: JobState, app: App, nowMs: number, isGone: (holder: string) => boolean): Message[] {
  if (isEnded(state)) return [];
  const detail = detailOf(state);
  const byCapability = new Map<string, string[]>();
  let answered = 0;
  for (const step of state.steps.values()) {
    const held = step.status === "running" && step.lease && step.lease.untilMs > nowMs && !isGone(step.lease.holder);
    const waits = step.status === "retrying" && (step.retryAtMs ?? 0) > nowMs;
    const done = step.status === "completed" || step.status === "failed";
    if (done) answered += 1;
    if (held || waits || done || step.status === "dead-lettered") continue;
    const ids = byCapability.get(step.capability);
    if (ids) ids.push(step.id);
    else byCapability.set(step.capability, [step.id]);
  }
  const messages = [...byCapability].flatMap(([capability, ids]) => stepMessages(detail, capability, ids, app));
  const advanceWaits = state.advance?.deadLetteredSeq !== undefined || (state.advance?.retryAtMs ?? 0) > nowMs;
  // Whether the workflow has seen every answer only the workflow can tell: asking it again costs little.
  const mayAdvance = state.advance !== undefined || answered > 0 || state.steps.size === 0;
  if (mayAdvance && !advanceWaits) messages.push(advanceMessage(state));
  return messages;
}

/** What announces the end of a job that has ended. */
export function endMessages(state: JobState): Message[] {
  const { completed, failed } = topics;
  return [{ topic: (state.status === "completed" ? completed : failed)(state.workflow), detail: detailOf(state) }];
}

/** Asks a worker of the workflow's own queue to bring the job forward. */
export const advanceMessage = (state: JobState): Message => ({
  topic: topics.advance(state.workflow),
  detail: detailOf(state),
});

const detailOf = (state: JobState): MessageDetail => ({
  tenant: state.tenant,
  jobId: state.jobId,
  seq: state.seq,
  ...(state.traceparent === undefined ? {} : { traceparent: state.traceparent }),
});

function stepMessages(detail: MessageDetail, capability: string, ids: readonly string[], app: App): Message[] {
  const messages: Message[] = [];
  const size = Math.min(STEPS_PER_MESSAGE, app.capabilities.get(capability)?.concurrency ?? STEPS_PER_MESSAGE);
  for (let at = 0; at < ids.length; at += size) {
    const stepIds = ids.slice(at, at + size);
    messages.push({ topic: topics.requested(capability), detail: { ...detail, stepIds } });
  }
  return messages;
}
