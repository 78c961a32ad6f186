import type { EventBody, Usage } from "../../src/contract/events.ts";
import type { CommitId } from "../../src/contract/ids.ts";
import type { MessageDetail } from "../../src/contract/messages.ts";
import { topics } from "../../src/contract/messages.ts";
import { type CallOutcome, call, checkOutput } from "../../src/core/call.ts";
import { decideClaim } from "../../src/core/claim.ts";
import type { AnyCapability } from "../../src/core/define-capability.ts";
import { errorInfo, UnknownJobError } from "../../src/core/errors.ts";
import { type Decide, iso } from "../../src/core/job-writer.ts";
import { decideRetry } from "../../src/core/retry.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { isEnded, type JobState, type StepState } from "../../src/core/state.ts";
import { traceIdOf } from "../../src/telemetry/trace.ts";
import { APART_MS, mustBeApart } from "./company.ts";
import { countSteps, countTokens, type Observed, observeStep } from "./observe-step.ts";
import { ProgressRecorder } from "./progress-recorder.ts";

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

/** When the same message has to come again; undefined: it is done. */
export interface WorkResult {
  readonly retryAfterMs: number | undefined;
}

interface Claimed {
  readonly stepId: string;
  readonly requestedAt: string;
  readonly attempt: number;
  readonly input: StepState["input"];
  /** The attempt's stream, where it ended before its result was recorded: no second call is made. */
  readonly finished: StepState["finished"];
}

const claimedStep = ({ id, requestedAt, attempt, input }: StepState, started = attempt): Claimed => ({
  stepId: id,
  requestedAt,
  attempt: started,
  input,
  finished: undefined,
});

interface Claims {
  readonly claimed: Claimed[];
  readonly deferred: { stepId: string; untilMs: number }[];
  readonly held: { stepId: string; reason: string; seq: number }[];
  /** Given up before, by somebody who did not come to ack the message: it may be missing in the dead letters. */
  readonly unsent: { stepId: string; reason: string; seq: number }[];
  /** In doubt, and in company. */
  readonly suspects: string[];
  readonly dropped: number;
  /** Earlier attempts that ended without an outcome. */
  readonly doubts: number;
}

/**
 * Works on the steps that a message names: claims them in one commit, calls the capability for each at once, and
 * records each result together with what the workflow asks for next. Safe to call twice, late or at the same time
 * elsewhere. Rejects only where an engine fails; the message then comes again.
 */
export async function work(request: StepRequest, runtime: Runtime): Promise<WorkResult> {
  const { app, clock, ids, queue, logger } = runtime;
  const { detail } = request;
  const capability = app.capabilities.get(request.capability);
  if (capability === undefined) throw new Error(`the app has no capability ${request.capability}`);
  // A call must not outlast the lease that it was claimed for either: somebody else would make it again (invariant 2).
  const endsAtMs = Math.min(
    clock.now() + capability.leaseMs,
    (request.endsAtMs ?? Number.POSITIVE_INFINITY) - END_MARGIN_MS,
  );
  const claims = await claim(request, capability, runtime);
  if (claims === undefined) {
    logger.warn("message about an unknown job dropped", logKeys(detail));
    return { retryAfterMs: undefined };
  }
  countSteps("StepsInDoubt", claims.doubts, capability.name, runtime);
  countSteps("StepsDeadLettered", claims.held.length, capability.name, runtime);
  const message = { topic: topics.requested(capability.name), detail };
  for (const { stepId, reason, seq } of [...claims.held, ...claims.unsent]) {
    const letter = { ...message, detail: { ...detail, seq, stepIds: [stepId] } };
    await queue.deadLetter(capability.name, letter, { reason, seq });
  }
  if (claims.deferred.length > 0) {
    const untilMs = Math.min(...claims.deferred.map((step) => step.untilMs));
    const stepIds = claims.deferred.map((step) => step.stepId);
    const delayMs = Math.min(Math.max(untilMs - clock.now(), 0), MAX_DELAY_MS);
    await queue.defer(capability.name, { ...message, detail: { ...detail, stepIds } }, delayMs);
  }
  for (const stepId of claims.suspects) {
    await queue.defer(
      capability.name,
      { ...message, detail: { ...detail, stepIds: [stepId] } },
      Math.round(ids.random() * APART_MS),
    );
  }
  if (claims.claimed.length === 0) return { retryAfterMs: undefined };
  const outcomes = await Promise.allSettled(
    claims.claimed.map(async (step) => {
      const end = runtime.calls.begin(detail.jobId, step.stepId, step.attempt);
      const about = { ...step, capability: capability.name };
      return observeStep(about, detail, runtime, () =>
        workOne(step, { ...request, endsAtMs }, capability, runtime),
      ).finally(end);
    }),
  );
  // All have come to their end before one that an engine failed on makes the message come again.
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
  const retries = outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value.retry : undefined));
  return comeAgain(
    retries.filter((retry) => retry !== undefined),
    request,
    runtime,
  );
}

interface Retry {
  readonly stepId: string;
  readonly delayMs: number;
  readonly counts: boolean;
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
  if (only?.counts && detail.stepIds?.length === 1) return { retryAfterMs: Math.min(only.delayMs, MAX_DELAY_MS) };
  const topic = topics.requested(capability);
  await Promise.all(
    retries.map(({ stepId, delayMs }) =>
      queue.defer(capability, { topic, detail: { ...detail, stepIds: [stepId] } }, Math.min(delayMs, MAX_DELAY_MS)),
    ),
  );
  return { retryAfterMs: undefined };
}

/** A queue's longest delay. */
const MAX_DELAY_MS = 900_000;

async function claim(
  { detail, claimedBy, company = 0 }: StepRequest,
  capability: AnyCapability,
  runtime: Runtime,
): Promise<Claims | undefined> {
  const stepIds = detail.stepIds ?? [];
  if (claimedBy !== undefined) {
    const { state } = await runtime.writer.states.load(detail.jobId);
    const claimed = state && claimedBefore(state, stepIds, claimedBy);
    if (claimed) return { claimed, deferred: [], held: [], unsent: [], suspects: [], dropped: 0, doubts: 0 };
  }
  try {
    const decide: Decide<Claims> = (state, nowMs) => {
      const decided = decideClaims(state, stepIds, capability, runtime, { nowMs, company, messageSeq: detail.seq });
      // Finding one's own step done may mean that what follows from it was never published.
      const done = decided.result.dropped === stepIds.length;
      return done ? { ...decided, messages: runtime.writer.missing(state, nowMs) } : decided;
    };
    return await runtime.writer.update(detail.jobId, decide, detail.seq);
  } catch (error) {
    if (error instanceof UnknownJobError) return undefined;
    throw error;
  }
}

function claimedBefore(state: JobState, stepIds: readonly string[], claimedBy: CommitId): Claimed[] | undefined {
  const claimed: Claimed[] = [];
  for (const stepId of stepIds) {
    const step = state.steps.get(stepId);
    if (step?.status !== "running" || step.lease?.commitId !== claimedBy) return undefined;
    claimed.push(claimedStep(step));
  }
  return claimed;
}

function decideClaims(
  state: JobState,
  stepIds: readonly string[],
  capability: AnyCapability,
  { holder, maxSkewMs, isGone, calls }: Runtime,
  { nowMs, company, messageSeq }: { readonly nowMs: number; readonly company: number; readonly messageSeq: number },
): { events: EventBody[]; result: Claims } {
  const isCalling = calls.has.bind(calls);
  const events: EventBody[] = [];
  const claims = {
    claimed: [] as Claimed[],
    deferred: [] as Claims["deferred"][number][],
    held: [] as Claims["held"][number][],
    unsent: [] as Claims["unsent"][number][],
    suspects: [] as string[],
  };
  let dropped = 0;
  let doubts = 0;
  for (const stepId of stepIds) {
    const decision = decideClaim(state, stepId, capability, { nowMs, maxSkewMs, isGone, isCalling });
    const about = { stepId, capability: capability.name };
    const step = state.steps.get(stepId);
    if (step === undefined) {
      dropped += 1;
      continue;
    }
    switch (decision.kind) {
      case "start":
        if (decision.inDoubt !== undefined) {
          if (mustBeApart(step, { company, together: stepIds.length, nowMs })) {
            claims.suspects.push(stepId);
            break;
          }
          doubts += 1;
          events.push({ type: "step.in_doubt", ...about, attempt: decision.inDoubt, policy: "rerun" });
        }
        events.push({
          type: "step.started",
          ...about,
          attempt: decision.attempt,
          lease: { holder, until: iso(nowMs + capability.leaseMs) },
        });
        claims.claimed.push(claimedStep(step, decision.attempt));
        break;
      case "recover":
        claims.claimed.push({ ...claimedStep(step, decision.attempt), finished: step.finished });
        break;
      case "hold": {
        doubts += 1;
        const error = { name: "InDoubtError", message: decision.reason };
        events.push({ type: "step.in_doubt", ...about, attempt: decision.inDoubt, policy: "hold" });
        events.push({ type: "step.dead_lettered", ...about, attempt: decision.inDoubt, error });
        claims.held.push({ stepId, reason: decision.reason, seq: state.seq + events.length });
        break;
      }
      case "defer":
        claims.deferred.push({ stepId, untilMs: decision.untilMs });
        break;
      case "drop": {
        const { deadLetteredSeq: seq, error } = step;
        // A message of a dead letter has its event's seq: one that is older is what the step was worked on for.
        if (step.status === "dead-lettered" && seq !== undefined && messageSeq < seq) {
          claims.unsent.push({ stepId, reason: `${error?.name}: ${error?.message}`, seq });
        }
        dropped += 1;
        break;
      }
    }
  }
  return { events, result: { ...claims, dropped, doubts } };
}

/** What became of an attempt, and what to try again. */
interface Outcome extends Observed {
  readonly retry: Retry | undefined;
}

/** Calls, checks, records. */
async function workOne(
  step: Claimed,
  { detail, endsAtMs }: StepRequest & { readonly endsAtMs: number },
  capability: AnyCapability,
  runtime: Runtime,
): Promise<Outcome> {
  const { clock, resources } = runtime;
  const progress = new ProgressRecorder(detail.jobId, step.stepId, step.attempt, capability, runtime);
  let outcome: CallOutcome;
  if (step.finished) {
    outcome = { kind: "returned", output: step.finished.output, usage: step.finished.usage };
  } else {
    outcome = await call({
      capability,
      input: step.input,
      jobId: detail.jobId,
      tenant: detail.tenant,
      stepId: step.stepId,
      attempt: step.attempt,
      resources,
      clock,
      endsAtMs,
      onProgress: (text) => progress.add(text),
    });
    // The end of a stream is on record before anything else is done with it (invariant 4).
    if (outcome.kind === "returned") await progress.end(outcome.output, outcome.usage);
    else await progress.stop();
  }
  return record(step, outcome, detail, capability, runtime);
}

async function record(
  step: Claimed,
  outcome: CallOutcome,
  detail: MessageDetail,
  capability: AnyCapability,
  runtime: Runtime,
): Promise<Outcome> {
  const { usage } = outcome;
  const { jobId } = detail;
  if (outcome.kind === "threw") return recordFailure(step, detail, capability, runtime, outcome.error, { usage });
  const checked = checkOutput(capability, outcome.output);
  if ("error" in checked) {
    return recordFailure(step, detail, capability, runtime, checked.error, { usage, raw: checked.raw });
  }
  const about = { stepId: step.stepId, capability: capability.name, attempt: step.attempt };
  const recorded = await runtime.writer.update(jobId, (state) => {
    if (!holds(state, step)) return { events: [], result: false };
    return {
      events: [{ type: "step.completed", ...about, result: checked.result, ...(usage ? { usage } : {}) }],
      result: true,
    };
  });
  countTokens(usage, capability.name, runtime);
  if (recorded) countSteps("StepsCompleted", 1, capability.name, runtime);
  else runtime.logger.warn("late result dropped", { ...logKeys(detail), ...about });
  return { retry: undefined };
}

async function recordFailure(
  step: Claimed,
  detail: MessageDetail,
  capability: AnyCapability,
  runtime: Runtime,
  thrown: unknown,
  { usage, raw }: { usage: Usage | undefined; raw?: StepState["result"] },
): Promise<Outcome> {
  const { writer, ids, queue, logger } = runtime;
  const { jobId } = detail;
  const about = { stepId: step.stepId, capability: capability.name, attempt: step.attempt };
  const error = errorInfo(thrown);
  const random = ids.random();
  const outcome = await writer.update(jobId, (state, nowMs) => {
    const current = state.steps.get(step.stepId);
    if (current === undefined || !holds(state, step)) return { events: [], result: undefined };
    const decision = decideRetry(thrown, current, capability, random);
    const events: EventBody[] = [
      {
        type: "step.failed",
        ...about,
        error,
        counts: decision.counts,
        final: decision.final,
        ...(decision.final ? {} : { retryAt: iso(nowMs + decision.delayMs) }),
        ...(raw === undefined ? {} : { output: raw }),
        ...(usage ? { usage } : {}),
      },
    ];
    const buried = decision.final && (decision.held || capability.onExhausted === "dead-letter");
    if (buried) events.push({ type: "step.dead_lettered", ...about, error });
    return { events, result: { ...decision, deadLetterSeq: buried ? state.seq + events.length : undefined } };
  });
  if (outcome === undefined) {
    logger.warn("late failure dropped", { ...logKeys(detail), ...about });
    return { retry: undefined, failedWith: error.name };
  }
  const { counts, final, delayMs } = outcome;
  logger.warn("step failed", { ...logKeys(detail), ...about, error: error.name, counts, final });
  countTokens(usage, capability.name, runtime);
  countSteps(counts ? "StepsFailed" : "StepsThrottled", 1, capability.name, runtime);
  if (outcome.deadLetterSeq !== undefined) {
    countSteps("StepsDeadLettered", 1, capability.name, runtime);
    const message = {
      topic: topics.requested(capability.name),
      detail: { ...detail, seq: outcome.deadLetterSeq, stepIds: [step.stepId] },
    };
    await queue.deadLetter(capability.name, message, {
      reason: `${error.name}: ${error.message}`,
      seq: outcome.deadLetterSeq,
    });
  }
  const retry = final ? undefined : { stepId: step.stepId, delayMs, counts };
  return { retry, failedWith: error.name };
}

/** What every line about a message has: whose log to look at, and the trace it belongs to. */
function logKeys({ jobId, traceparent }: MessageDetail): object {
  const traceId = traceIdOf(traceparent);
  return { jobId, ...(traceId === undefined ? {} : { traceId }) };
}

/** Being superseded is the fence, not being late (rule 4). */
function holds(state: JobState, { stepId, attempt }: Claimed): boolean {
  const step = state.steps.get(stepId);
  return !isEnded(state) && step?.status === "running" && step.attempt === attempt;
}
