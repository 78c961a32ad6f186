import type { EventBody } from "../contract/events.ts";
import { MAX_AHEAD_MS, type Message, type MessageDetail, STEPS_PER_MESSAGE, topics } from "../contract/messages.ts";
import type { App } from "./define-app.ts";
import { detailOf } from "./message-detail.ts";
import { endNotices, noticesFor } from "./notices.ts";
import {
  ADVANCE_STEP,
  isEnded,
  type JobState,
  nextTimeMs,
  pendingTimers,
  type StepState,
  waitsForStart,
} from "./state.ts";

/** The messages that follow from what a commit says. `state` already holds its events. */
export function messagesFor(state: JobState, events: readonly EventBody[], app: App): Message[] {
  const messages: Message[] = [];
  const detail = detailOf(state);
  const requested = new Map<string, string[]>();
  const request = ({ capability, stepId }: { capability: string; stepId: string }): void => {
    const ids = requested.get(capability);
    if (ids === undefined) requested.set(capability, [stepId]);
    // Two decisions about a step may share a commit: whoever claims it twice would call it twice.
    else if (!ids.includes(stepId)) ids.push(stepId);
  };
  const times = new Set<number>();
  for (const event of events) {
    switch (event.type) {
      case "job.submitted":
        messages.push({ topic: topics.requested(state.workflow), detail });
        if (event.startAt !== undefined) times.add(Date.parse(event.startAt));
        break;
      case "job.completed":
        messages.push({ topic: topics.completed(state.workflow), detail });
        break;
      case "job.failed":
      case "job.expired":
      case "job.cancelled":
        messages.push({ topic: topics.failed(state.workflow), detail });
        break;
      case "step.requested":
        request(event);
        break;
      case "step.redriven":
        // Moved back to its queue, its message is in the hands of whoever says so.
        if (event.by === "queue") break;
        if (event.stepId !== ADVANCE_STEP) request(event);
        else if (event.notBefore !== undefined) times.add(Date.parse(event.notBefore));
        else messages.push(advanceMessage(state));
        break;
      case "timer.set":
        times.add(Date.parse(event.fireAt));
        break;
      case "step.completed":
        if (event.by !== "fork" && app.capabilities.get(event.capability)?.announce) {
          messages.push({ topic: topics.completed(event.capability), detail: { ...detail, stepIds: [event.stepId] } });
        }
        break;
      case "step.dead_lettered":
        // One that is decided on in the same commit had been announced before.
        if (app.capabilities.get(event.capability)?.announce && state.steps.get(event.stepId)?.deadLettered) {
          messages.push({ topic: topics.failed(event.capability), detail: { ...detail, stepIds: [event.stepId] } });
        }
        break;
      default:
        break;
    }
  }
  messages.push(...noticesFor(state, events));
  if (isEnded(state)) return messages;
  for (const [name, ids] of requested) {
    // A fork begins with steps that are answered already.
    const open = ids.filter((id) => state.steps.get(id)?.answeredSeq === 0);
    messages.push(...stepMessages(detail, name, open, app));
  }
  const nowMs = Date.parse(state.updatedAt);
  for (const at of times) if (at - nowMs <= MAX_AHEAD_MS) messages.push(timeMessage(state, at));
  return messages;
}

/**
 * Since when a step that nobody holds has been asked for, in epoch ms: by its request, its retry or the attempt that was
 * lost. Undefined for one that is held, has to wait, or needs nobody any more.
 */
export function askedSince(step: StepState, nowMs: number, isGone: (holder: string) => boolean): number | undefined {
  switch (step.status) {
    case "requested":
      return Date.parse(step.askedAt);
    case "retrying":
      return (step.retryAtMs ?? 0) > nowMs ? undefined : (step.retryAtMs ?? 0);
    case "running": {
      const held = step.lease && step.lease.untilMs > nowMs && !isGone(step.lease.holder);
      return held ? undefined : Date.parse(step.attempts.at(-1)?.startedAt ?? step.requestedAt);
    }
    default:
      return undefined;
  }
}

/** For how long something has to have waited before it is asked for anew, in ms. */
export interface Waits {
  readonly stepMs: (capability: string) => number;
  readonly advanceMs: number;
}

/**
 * Asks for what a job still waits for: steps that nobody holds, or the workflow itself. Used when messages may be lost.
 *
 * @param waits leaves out what has not waited for so long: its message may only be late. Without it nothing is left out
 */
export function outstanding(
  state: JobState,
  app: App,
  nowMs: number,
  isGone: (holder: string) => boolean,
  waits?: Waits,
): Message[] {
  // Past its deadline nothing is worked on any more: whoever is asked would only ask again.
  if (isEnded(state) || state.deadlineMs <= nowMs || waitsForStart(state, nowMs)) return [];
  const detail = detailOf(state);
  const byCapability = new Map<string, string[]>();
  let answered = 0;
  for (const step of state.steps.values()) {
    if (step.status === "completed" || step.status === "failed") answered += 1;
    const sinceMs = askedSince(step, nowMs, isGone);
    if (sinceMs === undefined || nowMs - sinceMs < (waits?.stepMs(step.capability) ?? 0)) continue;
    const ids = byCapability.get(step.capability);
    if (ids) ids.push(step.id);
    else byCapability.set(step.capability, [step.id]);
  }
  const messages = [...byCapability].flatMap(([capability, ids]) => stepMessages(detail, capability, ids, app));
  const advanceWaits = state.advance?.deadLettered !== undefined || (state.advance?.retryAtMs ?? 0) > nowMs;
  // Whether the workflow has seen every answer only the workflow can tell: asking it again costs little.
  const mayAdvance = state.advance !== undefined || answered > 0 || state.steps.size === 0;
  // A job that moves asks its workflow at each answer anyway, but nothing that moves it asks for what has its time.
  const isQuiet = nowMs - Date.parse(state.updatedAt) >= (waits?.advanceMs ?? 0);
  const isDue = (nextTimeMs(state) ?? Infinity) <= nowMs;
  if (((mayAdvance && isQuiet) || isDue) && !advanceWaits) messages.push(advanceMessage(state));
  if (waits) return messages;
  for (const { fireAtMs: at } of pendingTimers(state)) {
    if (at > nowMs && at - nowMs <= MAX_AHEAD_MS) messages.push(timeMessage(state, at));
  }
  return messages;
}

/**
 * Messages for what may have been lost, or may only wait: at most those of the last looks wait beside the first. They ask
 * for nothing else to be asked for anew, so none multiplies (rule 13).
 */
export const asSpares = (messages: readonly Message[], spareUntil: number): Message[] =>
  messages.map(({ topic, detail }) => ({ topic, detail: { ...detail, spareUntil } }));

/** What a dead letter says of the message that it was: a person may move it back, so it is no spare. */
export const letterDetail = ({ spareUntil: _, ...detail }: MessageDetail, seq: number): MessageDetail => ({
  ...detail,
  seq,
});

/** What announces the end of a job that has ended. */
export function endMessages(state: JobState, nowMs: number): Message[] {
  const { completed, failed } = topics;
  return [
    { topic: (state.status === "completed" ? completed : failed)(state.workflow), detail: detailOf(state) },
    ...endNotices(state, nowMs),
  ];
}

/** Asks a worker of the workflow's own queue to bring the job forward. */
export const advanceMessage = (state: JobState): Message => ({
  topic: topics.advance(state.workflow),
  detail: detailOf(state),
});

/** The same, when the time has come at which the job has something to do by itself. */
export const timeMessage = (state: JobState, at: number): Message => ({
  topic: topics.advance(state.workflow),
  detail: { ...detailOf(state), at },
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
