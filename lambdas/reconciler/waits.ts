import { askedSince, type Waits } from "../../src/core/publish.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { awaitedSignals, isOpen, type JobState, nextTimeMs } from "../../src/core/state.ts";

/** How long a job stands still before the reconciler looks at it, and a message is late before it may be lost, in ms. */
export const FIRST_WAIT_MS = 60_000;
/** How long after that it looks again at the latest, in ms. */
export const MAX_WAIT_MS = 900_000;
/** However old a backlog is: a message that is later than this may have been lost, in ms. */
const MAX_LATE_MS = 3_600_000;

/**
 * For how long what waits may only be late (rule 13): a step for twice as long as the oldest message of its own queue. What
 * brings workflows forward is not kept waiting by any backlog of capabilities.
 */
export async function waitsOf({ app, queue }: Runtime): Promise<Waits> {
  const names = [...app.capabilities.keys()];
  const late = await Promise.all(
    names.map(async (name) => {
      const ageMs = await oldestAgeMs(queue, name);
      return [name, Math.min(Math.max(FIRST_WAIT_MS, 2 * ageMs), MAX_LATE_MS)] as const;
    }),
  );
  const byName = new Map(late);
  return { stepMs: (name) => byName.get(name) ?? FIRST_WAIT_MS, advanceMs: FIRST_WAIT_MS };
}

/** How old the oldest message of a queue is, in ms. One that has something ready and does not tell counts as old. */
export async function oldestAgeMs(queue: Runtime["queue"], name: string): Promise<number> {
  const { oldestAgeMs, ready } = await queue.backlog(name);
  return oldestAgeMs ?? (ready > 0 ? MAX_WAIT_MS / 2 : 0);
}

/**
 * When to look at a job again, in epoch ms: after as long as it has stood still, or as what was `asked` for anew has waited,
 * and at its next time or its deadline. In a quarter of an hour at the latest, unless it only waits for a time or a signal.
 */
export function nextLookMs(state: JobState, nowMs: number, asked: boolean, isGone: Runtime["isGone"]): number {
  const steps = [...state.steps.values()];
  const quietMs = nowMs - Date.parse(state.updatedAt);
  const askedMs = asked ? Math.max(0, ...steps.map((step) => nowMs - (askedSince(step, nowMs, isGone) ?? nowMs))) : 0;
  const nextMs = nextTimeMs(state) ?? Number.POSITIVE_INFINITY;
  const isDue = nextMs <= nowMs;
  const waitMs = Math.max(FIRST_WAIT_MS, isDue ? nowMs - nextMs : Math.max(quietMs, askedMs));
  // A time whose message is lost, or was too far ahead for one.
  const aheadMs = isDue ? Number.POSITIVE_INFINITY : nextMs;
  const works = steps.some(isOpen) || state.advance !== undefined;
  const waits = aheadMs < Number.POSITIVE_INFINITY || (awaitedSignals(state).length > 0 && !isDue);
  const rests = !works && state.status === "running" && waits;
  return Math.min(nowMs + (rests ? waitMs : Math.min(waitMs, MAX_WAIT_MS)), state.deadlineMs, aheadMs);
}
