import type { MessageDetail } from "../../src/contract/messages.ts";
import { type CallOutcome, call } from "../../src/core/call.ts";
import { callEndOf } from "../../src/core/call-end.ts";
import { CallStoppedError } from "../../src/core/calls.ts";
import type { AnyCapability } from "../../src/core/define-capability.ts";
import type { Pass } from "../../src/core/gates.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import type { Claimed } from "./claim-steps.ts";
import { holds } from "./holds.ts";
import { ProgressRecorder } from "./progress-recorder.ts";
import { type Outcome, recordOutcome, type Task } from "./record-outcome.ts";

/** What a step is worked on for, and what it may take. */
export interface Terms extends Task {
  /** What the step holds at the gates until its call is over. */
  readonly pass: Pass;
  /** When the worker's time for the call is over, in epoch ms. */
  readonly endsAtMs: number;
  /** Aborted where the job has ended since before the step was claimed. */
  readonly expected: AbortSignal;
}

/**
 * One attempt of a step that this worker holds: calls, checks, records. The call ends with its capability's timeout, its
 * worker's time, its job's deadline, and when its job has ended or another attempt has taken its place. Until it has
 * begun nothing is waited for: whoever stops the job stops the call.
 */
export async function attemptStep(step: Claimed, terms: Terms, runtime: Runtime): Promise<Outcome> {
  const { detail, capability, pass, expected } = terms;
  if (step.finished) {
    const { output, usage } = step.finished;
    return recordOutcome(step, { kind: "returned", output, usage }, terms, runtime);
  }
  const { signal, end } = runtime.calls.begin(detail.jobId, step.stepId, step.attempt, expected);
  const stopWatching = watch(step, detail, runtime);
  let settled: Promise<void> | undefined;
  try {
    const outcome = await callStep(step, terms, runtime, signal, (called) => {
      stopWatching();
      settled = settle(pass, called, capability);
    });
    return await recordOutcome(step, outcome, terms, runtime);
  } finally {
    await settled;
    // Until it is on record, or cannot be put there, the call is this process's: no other message may take it for lost.
    end();
  }
}

async function callStep(
  step: Claimed,
  { detail, capability, endsAtMs: workerEndsAtMs, recordUntilMs }: Terms,
  runtime: Runtime,
  signal: AbortSignal,
  onEnd: (outcome: CallOutcome) => void,
): Promise<CallOutcome> {
  const { jobId, tenant } = detail;
  const { stepId, attempt, input, editedSeq, deadlineMs, reattachTo } = step;
  const progress = new ProgressRecorder({ jobId, stepId, attempt, capability, recordUntilMs }, runtime);
  const outcome = await call({
    capability,
    input,
    editedSeq,
    jobId,
    tenant,
    stepId,
    attempt,
    resources: runtime.resources,
    clock: runtime.clock,
    endsAtMs: Math.min(workerEndsAtMs, deadlineMs),
    endsBy: deadlineMs < workerEndsAtMs ? "its job's time" : "its worker's time",
    signal,
    onProgress: (text) => progress.add(text),
    onKeptAs: (id) => progress.keptAs(id),
    ...(reattachTo === undefined ? {} : { reattachTo }),
  });
  onEnd(outcome);
  // The end of a stream is on record before anything else is done with it (invariant 4).
  if (outcome.kind === "returned") await progress.end(outcome.output, outcome.usage);
  else await progress.stop();
  return outcome;
}

/** The call holds nothing any more, whatever becomes of its outcome. */
function settle(pass: Pass, outcome: CallOutcome, capability: AnyCapability): Promise<void> {
  if (outcome.kind === "returned") return pass.settle("answered", outcome.usage);
  const { end, retryAfterMs } = callEndOf(outcome.error, capability);
  return pass.settle(end, outcome.usage, retryAfterMs);
}

/** Where a job may come to its end in another process, a long call asks now and then whether it still serves anybody. */
function watch(step: Claimed, { jobId }: MessageDetail, runtime: Runtime): () => void {
  const { clock, stopPollMs, writer, calls, logger } = runtime;
  if (stopPollMs === undefined) return () => {};
  let cancel = (): void => {};
  let over = false;
  const look = async (): Promise<void> => {
    const held = await writer.update(jobId, (state) => ({ events: [], result: holds(state, step) }));
    if (!held) calls.stop(jobId, new CallStoppedError("nobody waits for the call any more"), step);
  };
  const again = (): void => {
    if (over) return;
    cancel = clock.setTimer(stopPollMs, () => {
      look()
        .catch((error: unknown) => logger.warn("job not looked at", { jobId, error: (error as Error).name }))
        .finally(again);
    });
  };
  again();
  return () => {
    over = true;
    cancel();
  };
}
