import type { EventBody } from "../contract/events.ts";
import { topics } from "../contract/messages.ts";
import { deadLettersOf, type WaitingLetter } from "./commands.ts";
import type { Decision } from "./decision.ts";
import { giveUp } from "./give-up.ts";
import { iso } from "./iso.ts";
import { type DeadLetter, type DeadLetterVerdict, MAX_RECEIVES } from "./ports.ts";
import { askedSince } from "./publish.ts";
import { ADVANCE_STEP, isEnded, type JobState, type StepState } from "./state.ts";

/**
 * How long a message that its queue has set aside is left alone, in ms: the reconciler asks for what it was about again
 * within 15 minutes. Only what nobody takes then either is given up: after an outage everything goes on by itself. Where
 * others wait it may be asked for after twice as long as the oldest of them has waited, and then has as long to wait.
 */
export const SET_ASIDE_MS = 1_200_000;

/** What becomes of a dead letter. */
export interface Judgement {
  readonly verdict: DeadLetterVerdict;
  /** Dead letters of the log that its message stood for: each has to be sent as a message with its own seq first. */
  readonly instead: readonly WaitingLetter[];
}

export interface JudgeContext {
  readonly nowMs: number;
  readonly isGone: (holder: string) => boolean;
  /** How long the oldest message of the letter's queue has waited. */
  readonly oldestAgeMs: number;
}

const REMOVE: Judgement = { verdict: "remove", instead: [] };
const KEEP: Judgement = { verdict: "keep", instead: [] };

/**
 * Whether a dead letter still means something: one with a seq does while that is the seq of what waits for a person. One
 * without was set aside by its queue, because it was received too often: what it asks for is given up if nobody has taken
 * it since, on record, so that it waits for a person like everything else.
 */
export function judgeDeadLetter(state: JobState, letter: DeadLetter, context: JudgeContext): Decision<Judgement> {
  if (isEnded(state)) return { events: [], result: REMOVE };
  const { topic, detail } = letter.message;
  const stepIds = detail.stepIds ?? (topic === topics.advance(state.workflow) ? [ADVANCE_STEP] : []);
  const waiting = deadLettersOf(state).filter(({ stepId }) => stepIds.includes(stepId));
  if (letter.seq !== undefined) {
    return { events: [], result: waiting.some(({ seq }) => seq === letter.seq) ? KEEP : REMOVE };
  }
  const stuck = stepIds.filter((stepId) => isStuck(state, stepId, letter, context));
  // Past its deadline the job is about to end.
  const overMs = letter.deadLetteredAtMs + SET_ASIDE_MS + 3 * context.oldestAgeMs;
  const isOver = context.nowMs >= overMs && state.deadlineMs > context.nowMs;
  if (stuck.length > 0 && !isOver) return { events: [], result: KEEP };
  const events: EventBody[] = [];
  const given: WaitingLetter[] = [];
  for (const stepId of stuck) {
    events.push(...setAside(state, stepId));
    const { capability, attempt } = about(state, stepId);
    given.push({ stepId, capability, attempt, seq: state.seq + events.length, at: iso(context.nowMs) });
  }
  return { events, result: { verdict: "remove", instead: [...waiting, ...given] } };
}

/** Nobody has taken it since its message was set aside. */
function isStuck(state: JobState, stepId: string, letter: DeadLetter, { nowMs, isGone }: JudgeContext): boolean {
  if (stepId !== ADVANCE_STEP) {
    const step = state.steps.get(stepId);
    const sinceMs = step && askedSince(step, nowMs, isGone);
    return sinceMs !== undefined && sinceMs <= letter.deadLetteredAtMs;
  }
  const { advance, seq } = state;
  const { seq: askedAtSeq, at = 0 } = letter.message.detail;
  // Whatever moved the job since then has asked for its own.
  if (seq > askedAtSeq || advance?.deadLettered !== undefined) return false;
  return (advance?.retryAtMs ?? 0) <= nowMs && at <= nowMs;
}

function setAside(state: JobState, stepId: string): EventBody[] {
  const error = {
    name: "SetAsideError",
    message: `its message was received ${MAX_RECEIVES} times, and nobody who took it came to an end with it`,
  };
  if (stepId !== ADVANCE_STEP) return giveUp(state.steps.get(stepId) as StepState, error);
  const named = about(state, stepId);
  return [
    { type: "step.failed", ...named, error, counts: true, final: true },
    { type: "step.dead_lettered", ...named, error },
  ];
}

function about(state: JobState, stepId: string): { stepId: string; capability: string; attempt: number } {
  if (stepId === ADVANCE_STEP) {
    return { stepId, capability: ADVANCE_STEP, attempt: (state.advance?.attempt ?? 0) + 1 };
  }
  const { capability, attempt } = state.steps.get(stepId) as StepState;
  return { stepId, capability, attempt };
}
