import type { EventBody } from "../../src/contract/events.ts";
import { heldUntilMs } from "../../src/core/claim.ts";
import type { App } from "../../src/core/define-app.ts";
import { ContentionError, PublishingError, UnavailableError } from "../../src/core/errors.ts";
import { giveUp } from "../../src/core/give-up.ts";
import { iso } from "../../src/core/iso.ts";
import { recentNotices } from "../../src/core/notices.ts";
import type { Head } from "../../src/core/ports.ts";
import { asSpares, endMessages, outstanding, type Waits } from "../../src/core/publish.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { isEnded, isOpen, type JobState, type StepState } from "../../src/core/state.ts";
import { reviewDeadLetters } from "./review-dead-letters.ts";
import { FIRST_WAIT_MS, MAX_WAIT_MS, nextLookMs, waitsOf } from "./waits.ts";

const BATCH_JOBS = 200;
/** Jobs looked at together: one may hold megabytes. */
const LOOKS_AT_ONCE = 8;
/**
 * A job that is younger, in ms, is said to have begun once more, since those who watch all jobs hear of no other of its commits
 * before. It is looked at first when it is one to two minutes old.
 */
const BEGUN_MS = 3 * FIRST_WAIT_MS;
const PASSING = [UnavailableError, PublishingError, ContentionError];

/**
 * Looks at jobs whose wake-up is due, and makes good what a lost message or a crash left undone: publishes again what
 * was requested and nobody holds, ends what is past its deadline, repairs the list. Before that, dead letters are reviewed:
 * what kills whoever takes it may kill this process, too, once it is asked for again. While a batch was full and
 * `untilMs` (epoch ms) has not come, there is a next one. Resolves with the jobs looked at.
 */
export async function reconcile(runtime: Runtime, untilMs = 0): Promise<{ readonly jobs: number }> {
  const { index, clock, metrics, ids } = runtime;
  await reviewDeadLetters(runtime);
  let jobs = 0;
  let heads: readonly Head[];
  do {
    heads = await index.due(clock.now(), BATCH_JOBS);
    if (heads.length === 0) break;
    const waits = await waitsOf(runtime);
    // From anywhere on: a job that this process does not survive must not stand before the same others each time.
    const first = Math.floor(ids.random() * heads.length);
    const inTurn = [...heads.slice(first), ...heads.slice(0, first)].values();
    const look = async (): Promise<void> => {
      for (const head of inTurn) await reconcileJob(head, waits, runtime);
    };
    await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, look));
    metrics.record("JobsReconciled", heads.length, "Count");
    jobs += heads.length;
  } while (heads.length === BATCH_JOBS && clock.now() < untilMs);
  return { jobs };
}

async function reconcileJob(head: Head, waits: Waits, runtime: Runtime): Promise<void> {
  const { app, index, clock, isGone, writer, topics, watchers, logger, metrics, atomicEffects } = runtime;
  const { jobId } = head;
  try {
    writer.states.drop(jobId);
    const state = await writer.update(jobId, (current, nowMs) => {
      // Its head would say so, had the end been announced.
      if (isEnded(current)) return { events: [], result: current, messages: endMessages(current, nowMs) };
      if (current.deadlineMs <= nowMs) {
        return { events: [{ type: "job.expired", deadline: iso(current.deadlineMs) }], result: current };
      }
      const quiet = nowMs - Date.parse(current.updatedAt) >= FIRST_WAIT_MS;
      return {
        events: quiet ? orphaned(current, nowMs, runtime) : [],
        result: current,
        advance: quiet && isOrphaned(current, app),
      };
    });
    // As decided on: a state goes on changing with its job, and a head that has ended is never changed again.
    const { status } = state;
    if (isEnded(state)) {
      await index.change(jobId, { status, wakeAtMs: null });
      return;
    }
    const nowMs = clock.now();
    if (nowMs - Date.parse(state.createdAt) < BEGUN_MS) watchers?.again?.(state);
    // A healthy backlog is not published again: its messages are there, only late (rule 13). It is the step's own age that
    // counts: a job whose other steps go on for hours must not hide one whose message was lost (invariant 5).
    const messages = outstanding(state, app, nowMs, isGone, waits);
    const wakeAtMs = nextLookMs(state, nowMs, messages.length > 0, isGone);
    if (messages.length > 0) {
      logger.info("outstanding work published again", { jobId, messages: messages.length });
      metrics.record("MessagesRepublished", messages.length, "Count");
    }
    const again = [...asSpares(messages, wakeAtMs), ...(atomicEffects ? [] : recentNotices(state, nowMs))];
    if (again.length > 0) {
      await topics.publish(again).catch((error: unknown) => {
        throw new PublishingError(jobId, error);
      });
    }
    await index.change(jobId, { status, wakeAtMs });
  } catch (error) {
    logger.error("job could not be reconciled", { jobId, error: (error as Error).name });
    // What a job is to blame for must not stand before the others for ever; an outage is nobody's fault.
    const waitMs = PASSING.some((kind) => error instanceof kind) ? FIRST_WAIT_MS : MAX_WAIT_MS;
    await index.change(jobId, { wakeAtMs: clock.now() + waitMs });
  }
}

/**
 * What no deployment works on any more is set aside where a person can see it, instead of waiting for the deadline. A step
 * that an older deployment's worker still holds is that worker's.
 */
function orphaned(state: JobState, nowMs: number, { app, maxSkewMs, isGone, calls }: Runtime): EventBody[] {
  const context = { nowMs, maxSkewMs, isGone, isCalling: calls.has.bind(calls) };
  const isHeld = (step: StepState): boolean => step.status === "running" && heldUntilMs(state, step, context) > nowMs;
  return [...state.steps.values()]
    .filter((step) => isOpen(step) && !app.capabilities.has(step.capability) && !isHeld(step))
    .flatMap((step) =>
      giveUp(step, {
        name: "UnknownCapabilityError",
        message: `the app has no capability ${JSON.stringify(step.capability)} any more`,
      }),
    );
}

/** The workflow is gone: running it says so, and after a few tries that waits for a person, too. */
const isOrphaned = (state: JobState, app: App): boolean =>
  !app.workflows.has(state.workflow) && state.advance?.deadLettered === undefined;
