import type { DiscardRequest, ForkRequest, JobView, RedriveRequest, SignalRequest } from "../../src/contract/api.ts";
import type { Commit } from "../../src/contract/events.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { ProblemError } from "../../src/contract/problem.ts";
import {
  type DecidedLetter,
  decideCancel,
  decideDiscard,
  decideRedrive,
  decideSignal,
  InvalidValueError,
  NotWaitingError,
  type RedriveCommand,
  RefusedError,
} from "../../src/core/commands.ts";
import { type DecisionKind, type LetterFilter, wasDecided } from "../../src/core/decided.ts";
import type { Decide } from "../../src/core/decision.ts";
import { PublishingError, UnknownJobError } from "../../src/core/errors.ts";
import { keptBy } from "../../src/core/fork.ts";
import { LOOK_SOON_MS } from "../../src/core/job-writer.ts";
import { readCommits } from "../../src/core/read-job.ts";
import { announcementsOf } from "../../src/core/redelivery.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { getJob, noSuchJob } from "../jobs/jobs.ts";
import { type Submitted, submit } from "../submit/submit.ts";

/** A job of a tenant's. */
export interface Of {
  readonly tenant: TenantId;
  readonly jobId: JobId;
}

/** Ends a job. Running calls of this process stop at once, those elsewhere when they next look. */
export async function cancelJob(of: Of, reason: string | undefined, runtime: Runtime): Promise<JobView> {
  await command(of, (state) => decideCancel(state, reason), runtime);
  return getJob(of.tenant, of.jobId, runtime);
}

/** Gives a job a signal; see {@link decideSignal}. */
export async function signalJob(of: Of, name: string, request: SignalRequest, runtime: Runtime): Promise<JobView> {
  await makeWork(of, (state, nowMs) => decideSignal(state, name, request, runtime.app, nowMs), runtime);
  return getJob(of.tenant, of.jobId, runtime);
}

/** Tries dead letters of a job again; see {@link decideRedrive}. */
export async function redriveJob(of: Of, request: RedriveRequest, runtime: Runtime): Promise<JobView> {
  await redrive(of, request, runtime);
  return getJob(of.tenant, of.jobId, runtime);
}

/** The same, and which ones. */
export function redrive(of: Of, request: RedriveCommand, runtime: Runtime): Promise<readonly DecidedLetter[]> {
  const type = request.result === undefined ? "step.redriven" : "step.completed";
  const kind = { type, isEdit: request.input !== undefined } as const;
  const decide: Decide<Letters> = (state, nowMs) => decideRedrive(state, request, runtime.app, nowMs);
  return onLetters({ of, request, kind }, decide, runtime);
}

/** Gives dead letters of a job up; see {@link decideDiscard}. */
export async function discardDeadLetters(of: Of, request: DiscardRequest, runtime: Runtime): Promise<JobView> {
  await onLetters({ of, request, kind: { type: "step.discarded" } }, (state) => decideDiscard(state, request), runtime);
  return getJob(of.tenant, of.jobId, runtime);
}

/** Begins a new job that has the old one's results up to a step; the old one stays as it is. */
export async function forkJob(
  { tenant, jobId }: Of,
  { after, input, options }: ForkRequest,
  context: { readonly idempotencyKey: string | undefined; readonly traceparent: string | undefined },
  runtime: Runtime,
): Promise<Submitted> {
  const commits = await commitsOf({ tenant, jobId }, runtime);
  const [first] = commits[0]?.events ?? [];
  if (first?.type !== "job.submitted") throw noSuchJob(jobId);
  const kept = keptBy(commits, after);
  if (kept === undefined) {
    throw new ProblemError({
      title: "No such result",
      status: 422,
      detail: `step ${JSON.stringify(after)} of job ${jobId} has no result that could be kept`,
      errors: [{ path: "/after", message: "must name a completed step" }],
    });
  }
  const request = { workflow: first.workflow, input: input ?? first.input ?? null, ...(options ? { options } : {}) };
  return submit({ tenant, request, ...context, fork: { jobId, kept } }, runtime);
}

/** Announces a job's events once more; see {@link announcementsOf}. Resolves with how many. */
export async function redeliverJob(of: Of, runtime: Runtime): Promise<number> {
  const messages = announcementsOf(await commitsOf(of, runtime), runtime.app);
  await runtime.topics.publish(messages).catch((error: unknown) => {
    throw new PublishingError(of.jobId, error);
  });
  return messages.length;
}

async function commitsOf({ tenant, jobId }: Of, runtime: Runtime): Promise<readonly Commit[]> {
  const { commits } = await readCommits(runtime, jobId);
  if (commits[0]?.tenant !== tenant) throw noSuchJob(jobId);
  return commits;
}

/**
 * A {@link command} after which there may be something to do. A job that waits for a person is looked at seldom: it has to be
 * looked at soon before its messages can be lost (rule 11).
 */
async function makeWork<T>(of: Of, decide: Decide<T>, runtime: Runtime): Promise<T> {
  const { atomicEffects, clock, index } = runtime;
  const isWork: Decide<boolean> = (state, nowMs) => ({ events: [], result: decide(state, nowMs).events.length > 0 });
  if (!atomicEffects && (await command(of, isWork, runtime))) {
    await index.change(of.jobId, { wakeAtMs: clock.now() + LOOK_SOON_MS });
  }
  return command(of, decide, runtime);
}

type Letters = readonly DecidedLetter[];

interface OnLetters {
  readonly of: Of;
  readonly request: LetterFilter;
  readonly kind: DecisionKind;
}

/** A command on dead letters. One that was carried out has its answer also when nothing waits any more, if it says which it meant. */
async function onLetters(
  { of, request, kind }: OnLetters,
  decide: Decide<Letters>,
  runtime: Runtime,
): Promise<Letters> {
  const unlessRepeated: Decide<Letters | NotWaitingError> = (state, nowMs) => {
    try {
      return decide(state, nowMs);
    } catch (error) {
      if (error instanceof NotWaitingError) return { events: [], result: error };
      throw error;
    }
  };
  const letters = await makeWork(of, unlessRepeated, runtime);
  if (!(letters instanceof NotWaitingError)) return letters;
  if (wasDecided(await commitsOf(of, runtime), request, kind)) return [];
  throw conflict(letters);
}

const conflict = ({ message }: RefusedError): ProblemError =>
  new ProblemError({ title: "Conflict with the job's state", status: 409, detail: message });

/** Throws a 404 for a job that is not there or another tenant's, a 409 for what cannot be done with it, a 422 for a value of the wrong shape. */
async function command<T>({ tenant, jobId }: Of, decide: Decide<T>, { writer }: Runtime): Promise<T> {
  try {
    return await writer.record(jobId, (state, nowMs) => {
      if (state.tenant !== tenant) throw new UnknownJobError(jobId);
      return decide(state, nowMs);
    });
  } catch (error) {
    if (error instanceof UnknownJobError) throw noSuchJob(jobId);
    if (error instanceof RefusedError) throw conflict(error);
    if (error instanceof InvalidValueError) {
      const { message, violations } = error;
      throw new ProblemError({ title: "Invalid value", status: 422, detail: message, errors: [...violations] });
    }
    throw error;
  }
}
