import { type EventBody, isTerminal } from "../contract/events.ts";
import { type Message, topics, WEBHOOKS } from "../contract/messages.ts";
import { isWebhookEvent, type WebhookEvent } from "../contract/webhooks.ts";
import { detailOf } from "./message-detail.ts";
import type { JobState } from "./state.ts";

/**
 * Which events are told by webhooks: a message for each event and each webhook that wants it. Whom a job's events are told is
 * said by its first event, so that one without webhooks costs nothing here.
 */

interface Notice {
  readonly event: WebhookEvent;
  readonly seq: number;
  readonly atMs: number;
}

/**
 * A message that was lost is asked for again for so long after its event, in ms. The reconciler looks a minute after it at the earliest,
 * and has looked a quarter of an hour and its period later.
 */
const RECENT_MS = 1_200_000;
const LATE_MS = 60_000;

/** What a commit's events ask to tell. `state` already holds them. What a fork has kept was told by the old job. */
export function noticesFor(state: JobState, events: readonly EventBody[]): Message[] {
  if (state.webhooks === undefined) return [];
  const first = state.seq - events.length + 1;
  return events.flatMap((event, n) => {
    if (!isWebhookEvent(event.type) || ("by" in event && event.by === "fork")) return [];
    return messagesOf(state, event.type, first + n);
  });
}

/**
 * Asks again for what may have been lost between a commit and its messages, on an engine where these are two steps. An event that
 * is being told already is not told twice: its delivery is on record.
 */
export function recentNotices(state: JobState, nowMs: number): Message[] {
  if (state.webhooks === undefined) return [];
  return noticesIn(state)
    .filter(({ atMs }) => nowMs - atMs >= LATE_MS && nowMs - atMs < RECENT_MS)
    .flatMap(({ event, seq }) => messagesOf(state, event, seq));
}

/** The same for a job whose end may not have been announced: its end is told, however long ago it was. */
export function endNotices(state: JobState, nowMs: number): Message[] {
  if (state.webhooks === undefined) return [];
  return noticesIn(state)
    .filter(({ seq, atMs }) => seq === state.seq || nowMs - atMs < RECENT_MS)
    .flatMap(({ event, seq }) => messagesOf(state, event, seq));
}

function noticesIn(state: JobState): Notice[] {
  const notices: Notice[] = [];
  for (const { status, answeredSeq, attempts, deadLettered } of state.steps.values()) {
    // One that a person has answered may have no attempt that says when: the job's last change is not before it.
    const atMs = Date.parse(attempts.at(-1)?.endedAt ?? state.updatedAt);
    const isKept = attempts.length === 0 && state.forkedFrom !== undefined;
    if (status === "completed" && !isKept) notices.push({ event: "step.completed", seq: answeredSeq, atMs });
    if (deadLettered)
      notices.push({ event: "step.dead_lettered", seq: deadLettered.seq, atMs: Date.parse(deadLettered.at) });
  }
  const workflow = state.advance?.deadLettered;
  if (workflow) notices.push({ event: "step.dead_lettered", seq: workflow.seq, atMs: Date.parse(workflow.at) });
  const end = endOf(state);
  if (end) notices.push({ event: end, seq: state.seq, atMs: Date.parse(state.updatedAt) });
  return notices;
}

function endOf({ status }: JobState): WebhookEvent | undefined {
  const end = { type: `job.${status}` };
  return isTerminal(end as EventBody) && isWebhookEvent(end.type) ? end.type : undefined;
}

const messagesOf = (state: JobState, event: WebhookEvent, seq: number): Message[] =>
  (state.webhooks ?? [])
    .filter(({ events }) => events.includes(event))
    .map(({ webhook }) => ({
      topic: topics.requested(WEBHOOKS),
      detail: { ...detailOf(state), webhook: { to: webhook, event, seq, attempt: 1 } },
    }));
