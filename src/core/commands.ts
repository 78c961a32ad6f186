import { isDeepStrictEqual } from "node:util";
import type { DiscardRequest, RedriveRequest, SignalRequest } from "../contract/api.ts";
import type { ErrorInfo, EventBody } from "../contract/events.ts";
import type { Json } from "../contract/json.ts";
import { type Violation, violations } from "../contract/problem.ts";
import { checkOutput } from "./call.ts";
import { isMeant, type LetterFilter } from "./decided.ts";
import type { Decision } from "./decision.ts";
import type { App } from "./define-app.ts";
import type { SignalSchemas } from "./define-workflow.ts";
import { iso } from "./iso.ts";
import { asJson } from "./pass.ts";
import { ADVANCE_STEP, type DeadLettered, isEnded, type JobState } from "./state.ts";

/** What a person asked of a job cannot be done with the job as it is. Nothing was changed. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

/** Nothing that is meant waits for a person, or it does no more: the decision may have been made before. */
export class NotWaitingError extends RefusedError {}

/** An input or a result that a person gave is not what the step's capability takes or returns. */
export class InvalidValueError extends Error {
  override readonly name = "InvalidValueError";
  readonly violations: readonly Violation[];

  constructor(message: string, wrong: readonly Violation[]) {
    super(message);
    this.violations = wrong;
  }
}

/** A step, or the workflow itself, that waits for a person. */
export interface WaitingLetter extends DeadLettered {
  readonly stepId: string;
  readonly capability: string;
  readonly attempt: number;
}

/** What a decision was made about: `seq` is that of the event that gave it up. */
export type DecidedLetter = Omit<WaitingLetter, "at">;

/** All of a job, in the order in which they were given up. */
export function deadLettersOf(state: JobState): WaitingLetter[] {
  const letters: WaitingLetter[] = [];
  for (const { id, capability, deadLettered, attempt } of state.steps.values()) {
    if (deadLettered) letters.push({ stepId: id, capability, ...deadLettered, attempt });
  }
  const { advance } = state;
  if (advance?.deadLettered) {
    const { attempt, deadLettered } = advance;
    letters.push({ stepId: ADVANCE_STEP, capability: ADVANCE_STEP, ...deadLettered, attempt });
  }
  return letters.sort((a, b) => a.seq - b.seq);
}

/** Ends the job. One that has ended stays as it is. */
export function decideCancel(state: JobState, reason: string | undefined): Decision<void> {
  if (isEnded(state)) return { events: [], result: undefined };
  return { events: [{ type: "job.cancelled", ...(reason === undefined ? {} : { reason }) }], result: undefined };
}

/**
 * Gives a job a signal: what waits for it goes on. The same one again changes nothing. Throws {@link RefusedError} for
 * a job that has ended or has got another payload under that name, {@link InvalidValueError} for a payload that its
 * workflow does not take, or a signal that it does not have.
 */
export function decideSignal(
  state: JobState,
  name: string,
  { payload, reason }: SignalRequest,
  app: App,
  nowMs: number,
): Decision<void> {
  const signals: SignalSchemas = app.workflows.get(state.workflow)?.signals ?? {};
  const schema = Object.hasOwn(signals, name) ? signals[name] : undefined;
  if (schema === undefined) {
    const known = Object.keys(signals).join(", ") || "none";
    throw new InvalidValueError(
      `workflow ${state.workflow} takes no signal ${JSON.stringify(name)}; it takes ${known}`,
      [{ path: "name", message: `must be one of: ${known}` }],
    );
  }
  const parsed = schema.safeParse(payload);
  if (!parsed.success) {
    throw new InvalidValueError(`the payload is not what signal ${name} takes`, violations(parsed.error, "/payload"));
  }
  const given = asJson(parsed.data);
  const before = state.signals.get(name);
  if (before !== undefined && before.receivedSeq > 0) {
    if (isDeepStrictEqual(before.payload, given)) return { events: [], result: undefined };
    throw new RefusedError(
      `job ${state.jobId} got signal ${name} with another payload at ${before.receivedAt}: the first one counts`,
    );
  }
  if (isEnded(state)) throw new RefusedError(`job ${state.jobId} is ${state.status}: it takes no signal any more`);
  if (state.deadlineMs <= nowMs) {
    throw new RefusedError(`job ${state.jobId} is past its deadline of ${iso(state.deadlineMs)}`);
  }
  const because = reason === undefined ? {} : { reason };
  return {
    events: [{ type: "signal.received", signal: name, ...(given === undefined ? {} : { payload: given }), ...because }],
    result: undefined,
  };
}

export type RedriveCommand = RedriveRequest & {
  /** No attempt starts before, in epoch ms. */
  readonly notBeforeMs?: number;
};

/**
 * Gives dead letters a fresh budget of attempts, or the answer that a person brings; resolves to those that it took. One
 * that was put off by an earlier redrive, and is named, comes forward. Where none waits, nothing is done: a repeat is harmless. Throws {@link NotWaitingError} where that would drop an input or an answer, {@link RefusedError} for a job that has ended or is past its
 * deadline, or would be at `notBeforeMs`, {@link InvalidValueError} for an input or a result that the capability forbids.
 */
export function decideRedrive(
  state: JobState,
  command: RedriveCommand,
  app: App,
  nowMs: number,
): Decision<readonly DecidedLetter[]> {
  const { letters, takenBack } = chosen(state, command);
  if (letters.length === 0) {
    if (command.input !== undefined || command.result !== undefined) throw notWaiting(state, command);
    return { events: [], result: [] };
  }
  if (state.deadlineMs <= nowMs) {
    throw new RefusedError(`job ${state.jobId} is past its deadline of ${iso(state.deadlineMs)}; fork it instead`);
  }
  const { notBeforeMs } = command;
  if (notBeforeMs !== undefined && notBeforeMs >= state.deadlineMs) {
    throw new RefusedError(
      `job ${state.jobId} would have expired at its deadline of ${iso(state.deadlineMs)} before ${iso(notBeforeMs)}, when its turn comes; redrive it at once, or at a higher rate`,
    );
  }
  const because = command.reason === undefined ? {} : { reason: command.reason };
  const waits = notBeforeMs === undefined ? {} : { notBefore: iso(notBeforeMs) };
  const events = letters.map(({ stepId, capability, attempt }): EventBody => {
    const about = { stepId, capability };
    if (command.result !== undefined) {
      const result = checkedResult(app, about, command.result);
      return { type: "step.completed", ...about, attempt, result, by: "person", ...because };
    }
    const input = command.input === undefined ? {} : { input: checkedInput(app, about, command.input) };
    return { type: "step.redriven", ...about, base: attempt, by: "api", ...input, ...waits, ...because };
  });
  return { events: [...takenBack, ...events], result: letters };
}

/**
 * Gives dead letters up for good, or one that was put off and is named; resolves to those that it took. The workflow sees failed steps, as with
 * `onExhausted: "throw"`; a workflow that cannot be run any more ends with its job.
 */
export function decideDiscard(state: JobState, command: DiscardRequest): Decision<readonly DecidedLetter[]> {
  const { letters, takenBack } = chosen(state, command);
  const { reason } = command;
  const events = letters.map(
    ({ stepId, capability, attempt }): EventBody => ({ type: "step.discarded", stepId, capability, attempt, reason }),
  );
  if (letters.some(({ stepId }) => stepId === ADVANCE_STEP)) {
    const cause = state.advance?.error;
    events.push({
      type: "job.failed",
      error: { name: "DiscardedError", message: reason, ...(cause === undefined ? {} : { cause }) },
    });
  }
  return { events: [...takenBack, ...events], result: letters };
}

interface Chosen {
  readonly letters: readonly DecidedLetter[];
  /** What has to be on record first, so that they wait. */
  readonly takenBack: readonly EventBody[];
}

function chosen(state: JobState, filter: LetterFilter): Chosen {
  const { stepId, seq, asOf } = filter;
  if (isEnded(state)) {
    throw new NotWaitingError(`job ${state.jobId} is ${state.status}: nothing of it waits any more; fork it instead`);
  }
  if (stepId !== undefined && stepId !== ADVANCE_STEP && !state.steps.has(stepId)) {
    throw new RefusedError(
      `job ${state.jobId} has no step ${JSON.stringify(stepId)}; it has ${[...state.steps.keys()].slice(0, 20).join(", ") || "none"}`,
    );
  }
  const letters = deadLettersOf(state).filter((letter) => isMeant(letter, filter));
  // A seq is of a dead letter as it was: that one has been decided on.
  const isAny = stepId !== undefined && seq === undefined && asOf === undefined;
  const putOff = letters.length === 0 && isAny ? putOffBy(state, stepId) : undefined;
  if (putOff === undefined) return { letters, takenBack: [] };
  const { error, ...about } = putOff;
  return {
    letters: [{ ...about, seq: state.seq + 1 }],
    takenBack: [{ type: "step.dead_lettered", ...about, error }],
  };
}

/** A step, or the workflow, whose redrive says that it starts later, and which nobody has tried since. Any try that fails is counted. */
function putOffBy(state: JobState, stepId: string): (Omit<DecidedLetter, "seq"> & { error: ErrorInfo }) | undefined {
  if (stepId === ADVANCE_STEP) {
    const { advance } = state;
    if (advance?.failures !== 0 || advance.retryAtMs === undefined) return undefined;
    return { stepId, capability: ADVANCE_STEP, attempt: advance.attempt, error: advance.error };
  }
  const step = state.steps.get(stepId);
  if (step?.status !== "retrying" || step.failures + step.throttles > 0 || !step.error) return undefined;
  return { stepId, capability: step.capability, attempt: step.attempt, error: step.error };
}

/** Why what was brought for a step finds no place. */
function notWaiting(state: JobState, { stepId = "", seq, asOf }: LetterFilter): NotWaitingError {
  const step = state.steps.get(stepId);
  const what = stepId === ADVANCE_STEP ? "the workflow" : `step ${JSON.stringify(stepId)}`;
  const { deadLettered, status = "running", retryAtMs } = step ?? {};
  if (deadLettered) {
    const meant = seq === undefined ? `one as of seq ${asOf}` : `dead letter ${seq}`;
    return new NotWaitingError(
      `${what} of job ${state.jobId} waits as dead letter ${deadLettered.seq}, not as ${meant}`,
    );
  }
  const until = retryAtMs === undefined ? "" : `, not before ${iso(retryAtMs)}`;
  const is = `${what} of job ${state.jobId} is ${status}${until}`;
  if (putOffBy(state, stepId)) {
    return new NotWaitingError(`${is}, as its redrive says; leave seq and asOf out to decide on it anew`);
  }
  return new NotWaitingError(`${is}: it does not wait for a person, and takes no input and no result`);
}

interface About {
  readonly stepId: string;
  readonly capability: string;
}

function checkedInput(app: App, about: About, input: Json): Json {
  const parsed = capabilityOf(app, about).input.safeParse(input);
  if (parsed.success) return asJson(parsed.data) as Json;
  throw new InvalidValueError(`the input is not what ${about.capability} takes`, violations(parsed.error, "/input"));
}

function checkedResult(app: App, about: About, result: Json): Json {
  const checked = checkOutput(capabilityOf(app, about), result);
  if ("result" in checked) return checked.result as Json;
  const wrong = checked.error.detail.map(({ path, message }) => ({
    path: path.replace(/^\/output/, "/result"),
    message,
  }));
  throw new InvalidValueError(`the result is not what ${about.capability} returns: ${checked.error.message}`, wrong);
}

function capabilityOf(app: App, { stepId, capability: name }: About) {
  const capability = app.capabilities.get(name);
  if (capability) return capability;
  if (stepId === ADVANCE_STEP) throw new RefusedError("the workflow itself takes no input and no result");
  throw new RefusedError(`the app has no capability ${JSON.stringify(name)} any more`);
}
