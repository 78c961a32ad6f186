import type { CommitId } from "../../src/contract/ids.ts";
import type { MessageDetail } from "../../src/contract/messages.ts";
import { MAX_AHEAD_MS, topics } from "../../src/contract/messages.ts";
import type { Pass } from "../../src/core/gates.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { attemptStep, type Terms } from "./attempt.ts";
import { type Claimed, type Claims, claimSteps } from "./claim-steps.ts";
import { APART_MS } from "./company.ts";
import { logKeys } from "./log-keys.ts";
import { countSteps, observeStep } from "./observe-step.ts";
import { passGates } from "./pass-gates.ts";
import type { Outcome, Retry } from "./record-outcome.ts";
import { sendDeadLetter } from "./send-dead-letter.ts";

export interface StepRequest {
  readonly capability: string;
  readonly detail: MessageDetail;
  /** The commit that claimed these steps for this very delivery. */
  readonly claimedBy?: CommitId;
  /** When this process is cut off, in epoch ms. @default never */
  readonly endsAtMs?: number;
  /** Other messages that are worked on in the same invocation. @default 0 */
  readonly company?: number;
}

/** Before a process is cut off its calls end, for what is left to record (rule 17). */
const END_MARGIN_MS = 10_000;
/** Of that, for what follows when all is recorded, or nothing more is tried. */
const ACK_MARGIN_MS = 2_000;

/** When the same message has to come again; undefined: it is done. */
export interface WorkResult {
  readonly retryAfterMs: number | undefined;
}

/**
 * Works on the steps that a message names: claims them in one commit, calls the capability for each at once, and
 * records each result together with what the workflow asks for next. Safe to call twice, late or at the same time
 * elsewhere. Rejects only where an engine fails; the message then comes again.
 */
export async function work(request: StepRequest, runtime: Runtime): Promise<WorkResult> {
  const { app, clock, logger } = runtime;
  const { detail } = request;
  const capability = app.capabilities.get(request.capability);
  if (capability === undefined) throw new Error(`the app has no capability ${request.capability}`);
  // A call must not outlast the lease that it was claimed for either: somebody else would make it again (invariant 2).
  const endsAtMs = Math.min(
    clock.now() + capability.leaseMs,
    (request.endsAtMs ?? Number.POSITIVE_INFINITY) - END_MARGIN_MS,
  );
  // A result may be late: what forbids it is another attempt, not the lease's end (rule 4).
  const recordUntilMs = (request.endsAtMs ?? endsAtMs + END_MARGIN_MS) - ACK_MARGIN_MS;
  const { stepIds, passes } = request.claimedBy
    ? { stepIds: detail.stepIds ?? [], passes: new Map<string, Pass>() }
    : await passGates(detail, capability, runtime);
  if (stepIds.length === 0) return { retryAfterMs: undefined };
  const begun = await claimAndBegin(
    { ...request, detail: { ...detail, stepIds } },
    { capability, endsAtMs, recordUntilMs },
    passes,
    runtime,
  );
  if (begun === undefined) {
    logger.warn("message about an unknown job dropped", logKeys(detail));
    return { retryAfterMs: undefined };
  }
  const { claims, attempts } = begun;
  const others = [giveBack(passes, undefined, claims.claimed), passOn(claims, request, runtime)];
  const [outcomes, passed] = await Promise.all([Promise.allSettled(attempts), Promise.allSettled(others)]);
  // All have come to their end before one that an engine failed on makes the message come again.
  const failed = [...passed, ...outcomes].find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
  const retries = outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value.retry : undefined));
  return comeAgain(
    retries.filter((retry) => retry !== undefined),
    request,
    runtime,
  );
}

/**
 * Claims what it can of a message's steps and begins their calls, without a wait between: whoever ends the job, be it in
 * the commit that claims them, stops them. Undefined for a job that does not exist.
 */
async function claimAndBegin(
  request: StepRequest,
  times: Pick<Terms, "capability" | "endsAtMs" | "recordUntilMs">,
  passes: ReadonlyMap<string, Pass>,
  runtime: Runtime,
): Promise<{ readonly claims: Claims; readonly attempts: readonly Promise<Outcome>[] } | undefined> {
  const { calls, gates } = runtime;
  const { detail } = request;
  const { capability } = times;
  const expected = calls.expect(detail.jobId);
  try {
    const passed = gates.guards(capability) ? passes : undefined;
    const claims = await claimSteps({ ...request, passed }, capability, runtime).catch((error: unknown) =>
      giveBack(passes, error),
    );
    if (claims === undefined) {
      await giveBack(passes);
      return undefined;
    }
    const attempts = claims.claimed.map(async (step) => {
      const about = { ...step, capability: capability.name };
      const pass = passes.get(step.stepId) ?? gates.passAhead(capability, step.input);
      const terms = { ...times, detail, pass, expected: expected.signal };
      return observeStep(about, detail, runtime, () => attemptStep(step, terms, runtime));
    });
    return { claims, attempts };
  } finally {
    expected.end();
  }
}

/** What becomes of a message's steps that are not called now: to the dead letters, or a message of their own for later. */
async function passOn(claims: Claims, { capability, detail }: StepRequest, runtime: Runtime): Promise<void> {
  const { clock, ids, queue } = runtime;
  countSteps("StepsInDoubt", claims.doubts, capability, runtime);
  countSteps("StepsDeadLettered", claims.held.length, capability, runtime);
  for (const letter of [...claims.held, ...claims.unsent]) {
    await sendDeadLetter(letter, { detail, capability }, runtime);
  }
  const message = { topic: topics.requested(capability), detail };
  if (claims.deferred.length > 0) {
    const untilMs = Math.min(...claims.deferred.map((step) => step.untilMs));
    const stepIds = claims.deferred.map((step) => step.stepId);
    const delayMs = Math.min(Math.max(untilMs - clock.now(), 0), MAX_AHEAD_MS);
    await queue.defer(capability, { ...message, detail: { ...detail, stepIds } }, delayMs);
  }
  for (const stepId of claims.suspects) {
    await queue.defer(
      capability,
      { ...message, detail: { ...detail, stepIds: [stepId], alone: true } },
      Math.round(ids.random() * APART_MS),
    );
  }
}

/** Steps that were let in and are not called after all hold nothing. */
async function giveBack(
  passes: ReadonlyMap<string, Pass>,
  error?: unknown,
  claimed: readonly Claimed[] = [],
): Promise<undefined> {
  const called = new Set(claimed.filter(({ finished }) => finished === undefined).map(({ stepId }) => stepId));
  const unused = [...passes].filter(([stepId]) => !called.has(stepId));
  await Promise.all(unused.map(([, pass]) => pass.settle("not-called")));
  if (error !== undefined) throw error;
}

/**
 * A failed attempt comes back by its message's visibility timeout. A throttled one must cost the message nothing, and
 * steps of one message fail each at its own time: these come back as messages of their own (rule 15).
 */
async function comeAgain(
  retries: readonly Retry[],
  { capability, detail }: StepRequest,
  { queue }: Runtime,
): Promise<WorkResult> {
  const [only] = retries;
  if (only?.counts && detail.stepIds?.length === 1) return { retryAfterMs: Math.min(only.delayMs, MAX_AHEAD_MS) };
  const topic = topics.requested(capability);
  await Promise.all(
    retries.map(({ stepId, delayMs }) =>
      queue.defer(capability, { topic, detail: { ...detail, stepIds: [stepId] } }, Math.min(delayMs, MAX_AHEAD_MS)),
    ),
  );
  return { retryAfterMs: undefined };
}
