import { isTerminal, type JobEvent } from "../contract/events.ts";

/** A workflow's own failures are on record under this id: they are no calls and have no attempts. */
const WORKFLOW_STEP = "@advance";

/** What the log so far says of a step. */
interface Step {
  attempt: number;
  /** The attempt has started, and nothing says yet how it went. */
  live: boolean;
  /** How the step came to its end: nothing of it may start again. */
  over: "completed" | "failed" | "dead-lettered" | undefined;
  /** Failures that count. */
  counted: number;
  /** Characters that the attempt has streamed. */
  streamed: number;
  streamEnded: boolean;
}

type StepEvent = Extract<JobEvent, { stepId: string }>;
type AttemptEvent = Exclude<
  StepEvent,
  { type: "step.requested" | "step.started" | "step.dead_lettered" | "step.redriven" | "step.discarded" }
>;

/**
 * Which invariants a whole log breaks, each with its number in docs/architecture.md: 1 (gapless, one terminal event and
 * the last), 2 (one completion, one signal of a name), 3 (one live attempt, numbers that never restart), 4 (no attempt vanishes, the end of a
 * stream before its result), 7 (attempts counted in the log). Reads nothing but what a caller of the API can read.
 *
 * @param maxAttempts of each capability
 * @param retryableErrors names of errors that are known to be worth another attempt: to give up on one early is a miscount
 */
export function brokenInvariants(
  log: readonly JobEvent[],
  maxAttempts: ReadonlyMap<string, number>,
  retryableErrors: ReadonlySet<string> = new Set(),
): string[] {
  const [first] = log;
  if (first === undefined) return ["1: the log is empty"];
  const steps = new Map<string, Step>();
  const values = new Set<string>();
  const signals = new Set<string>();
  return log.flatMap((event, index) => {
    const broken: string[] = [];
    if (event.seq !== index + 1) broken.push(`1: stands at place ${index + 1}`);
    if (event.jobId !== first.jobId || event.tenant !== first.tenant) broken.push("1: is another job's");
    if ((event.type === "job.submitted") !== (index === 0)) broken.push("1: a log begins with job.submitted, once");
    if (isTerminal(event) && index < log.length - 1) broken.push("1: is terminal, but not the last");
    if (event.type === "value.recorded") {
      if (values.has(event.valueId)) broken.push("2: the value was recorded before");
      values.add(event.valueId);
    }
    if (event.type === "signal.received") {
      if (signals.has(event.signal)) broken.push("2: the signal was received before");
      signals.add(event.signal);
    }
    if ("stepId" in event && event.stepId !== WORKFLOW_STEP) {
      const most = maxAttempts.get(event.capability) ?? Number.POSITIVE_INFINITY;
      broken.push(...brokenByStep(event, steps, { most, retryableErrors }));
    }
    return broken.map((what) => `${what} (seq ${event.seq}, ${event.type})`);
  });
}

interface Attempts {
  readonly most: number;
  readonly retryableErrors: ReadonlySet<string>;
}

function brokenByStep(event: StepEvent, steps: Map<string, Step>, attempts: Attempts): string[] {
  const step = steps.get(event.stepId);
  if (event.type === "step.requested") {
    steps.set(event.stepId, { attempt: 0, live: false, over: undefined, counted: 0, streamed: 0, streamEnded: false });
    return step === undefined ? [] : ["2: the step was requested before"];
  }
  if (step === undefined) return ["1: the step was never requested"];
  if (event.type === "step.dead_lettered") return setAside(step);
  if (event.type === "step.redriven") return redriven(step, event.base);
  if ("by" in event && event.by === "fork") return kept(step, event.type === "step.completed" ? "completed" : "failed");
  if (event.type === "step.discarded") return decided(step, "failed");
  if (event.type === "step.completed" && event.by === "person") return decided(step, "completed");
  if (step.over !== undefined) return [`2: the step was ${step.over} before`];
  if (event.type === "step.started") return start(step, event.attempt);
  if (event.attempt !== step.attempt) return [`3: attempt ${event.attempt} records in attempt ${step.attempt}`];
  if (!step.live) return [`3: attempt ${event.attempt} has ended before`];
  return record(step, event, attempts);
}

function setAside(step: Step): string[] {
  const broken: string[] = [];
  if (step.over === "completed" || step.over === "dead-lettered") broken.push(`2: the step was ${step.over} before`);
  if (step.live) broken.push(`4: nothing says how attempt ${step.attempt} ended`);
  step.over = "dead-lettered";
  return broken;
}

/** Another job's answer. */
function kept(step: Step, over: Step["over"]): string[] {
  const broken = step.over === undefined ? [] : [`2: the step was ${step.over} before`];
  if (step.attempt > 0) broken.push(`2: kept from another job after attempt ${step.attempt}`);
  step.over = over;
  return broken;
}

/** A person has decided on a dead letter. */
function decided(step: Step, over: Step["over"]): string[] {
  const broken =
    step.over === "dead-lettered" ? [] : [`2: a person's decision on a step that is ${step.over ?? "open"}`];
  step.over = over;
  return broken;
}

function redriven(step: Step, base: number): string[] {
  const broken = decided(step, undefined);
  if (base !== step.attempt) broken.push(`3: redriven from attempt ${base}, the last was ${step.attempt}`);
  step.counted = 0;
  return broken;
}

function start(step: Step, attempt: number): string[] {
  const broken: string[] = [];
  if (step.live) broken.push(`3: attempt ${attempt} while attempt ${step.attempt} holds the step`);
  if (attempt <= step.attempt) broken.push(`3: attempt ${attempt} after attempt ${step.attempt}`);
  Object.assign(step, { attempt, live: true, streamed: 0, streamEnded: false });
  return broken;
}

/** What the attempt that holds the step records. */
function record(step: Step, event: AttemptEvent, { most, retryableErrors }: Attempts): string[] {
  const broken: string[] = [];
  if (event.type === "step.progress") {
    if (step.streamEnded) broken.push("4: follows the end of its stream");
    if (event.offset !== step.streamed) broken.push(`4: offset ${event.offset} after ${step.streamed} characters`);
    step.streamed += event.text?.length ?? 0;
    step.streamEnded = event.final === true;
    return broken;
  }
  step.live = false;
  if (step.streamEnded && (event.type === "step.in_doubt" || (event.type === "step.failed" && !event.final))) {
    broken.push("4: its whole answer was on record");
  }
  if (event.type === "step.completed") {
    if (step.streamed > 0 && !step.streamEnded) broken.push("4: the end of its stream is not on record");
    step.over = "completed";
  }
  if (event.type === "step.failed") {
    if (event.counts) step.counted += 1;
    if (event.final) step.over = "failed";
    if (event.final && !event.counts) broken.push("7: an attempt that does not count ended the step");
    if (!event.final && step.counted >= most) broken.push(`7: goes on after ${most} failures that count`);
    if (event.final && step.counted < most && retryableErrors.has(event.error.name)) {
      broken.push(`7: gives up after ${step.counted} of ${most} failures that count`);
    }
  }
  return broken;
}
