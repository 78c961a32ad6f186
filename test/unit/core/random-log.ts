import type { Commit, EventBody, Usage } from "../../../src/contract/events.ts";
import { ADVANCE_STEP } from "../../../src/core/state.ts";
import {
  at,
  completed,
  deadLettered,
  discarded,
  failed,
  logOf,
  progress,
  redriven,
  requested,
  signalReceived,
  signalRequested,
  started,
  submitted,
  timerFired,
  timerSet,
} from "./fixtures.ts";

/** What the log so far says of a step, or of the workflow itself: `over` needs nothing more. */
interface Told {
  attempt: number;
  is: "open" | "running" | "dead" | "over";
  /** Characters that the attempt has streamed. */
  streamed?: number;
  streamEnded?: boolean;
}

const WORKFLOW = { capability: ADVANCE_STEP };

/** A log that workers, people and timers could have written: every type of event is in some of them. */
export function randomLog(random: () => number, length: number): Commit[] {
  const dice = new Dice(random);
  const steps = new Map<string, Told>();
  const timers = new Map<string, "set" | "fired">();
  const signals = new Map<string, { asked: boolean; came: boolean }>();
  const workflow: Told = { attempt: 0, is: "over" };
  const groups: EventBody[][] = [beginning(dice, steps)];
  for (let n = 0; n < length; n++) {
    const events = dice.chance(0.1)
      ? dice.chance(0.5)
        ? ofTimer(dice, n, timers, workflow)
        : ofSignal(dice, n, signals, workflow)
      : dice.chance(0.15)
        ? ofWorkflow(dice, n, workflow)
        : ofStep(dice, n, steps, workflow);
    const last = groups.at(-1);
    if (dice.chance(0.4) && last) last.push(...events);
    else groups.push(events);
  }
  if (dice.chance(0.5)) groups.push([end(dice, length)]);
  return logOf(...groups.filter((events) => events.length > 0));
}

class Dice {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  chance(of: number): boolean {
    return this.#random() < of;
  }

  below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  one<T>(...of: readonly [T, ...T[]]): T {
    return of[this.below(of.length)] ?? of[0];
  }

  usage(): { usage?: Usage } {
    return this.chance(0.5) ? {} : { usage: { inputTokens: this.below(100), costUsd: this.below(4) / 4, model: "m" } };
  }
}

/** One in four is a fork: it has results of another job before anybody works for it. */
function beginning(dice: Dice, steps: Map<string, Told>): EventBody[] {
  if (!dice.chance(0.25)) return [submitted()];
  const kept = ["s0", "s1"].slice(0, dice.below(3));
  for (const id of kept) steps.set(id, { attempt: 0, is: "over" });
  return [
    submitted({ forkedFrom: { jobId: "job_old", seq: 9 }, startAt: at(5) }),
    ...kept.map((id) => requested(id, { input: id })),
    ...kept.map((id): EventBody => ({ ...completed(id, { kept: id }, 0), by: "fork" }) as EventBody),
  ];
}

function ofStep(dice: Dice, n: number, steps: Map<string, Told>, workflow: Told): EventBody[] {
  const id = `s${dice.below(5)}`;
  const step = steps.get(id);
  switch (step?.is) {
    case undefined:
      steps.set(id, { attempt: 0, is: "open" });
      goesOn(workflow);
      return [requested(id, { input: { n } })];
    case "open":
      // A message that its queue set aside.
      if (dice.chance(0.1)) return setAside(id, step);
      return start(id, step);
    case "running":
      return ofAttempt(dice, n, id, step);
    case "dead":
      return decision(dice, n, id, step);
    case "over":
      goesOn(workflow);
      return [{ type: "value.recorded", valueId: `v${n}`, value: { n } }];
  }
}

function start(id: string, step: Told): EventBody[] {
  Object.assign(step, { attempt: step.attempt + 1, is: "running", streamed: 0, streamEnded: false });
  return [started(id, step.attempt)];
}

function setAside(id: string, step: Told): EventBody[] {
  step.is = "dead";
  return [deadLettered(id, { attempt: step.attempt })];
}

/** What comes of a call. Of one whose stream has ended, its result. */
function ofAttempt(dice: Dice, n: number, id: string, step: Told): EventBody[] {
  const { attempt, streamed = 0 } = step;
  if (!step.streamEnded) {
    if (dice.chance(0.15)) return lost(dice, id, step);
    if (dice.chance(0.4)) return [chunk(dice, n, id, step)];
    if (dice.chance(0.3)) {
      step.is = "open";
      return [failed(id, { attempt, counts: dice.chance(0.5), retryAt: at(n), ...dice.usage() })];
    }
  }
  if (dice.chance(0.6)) {
    const end = streamed > 0 && !step.streamEnded ? [chunk(dice, n, id, step, true)] : [];
    step.is = "over";
    return [...end, { ...completed(id, { n }, attempt), ...dice.usage() } as EventBody];
  }
  step.is = "over";
  const gone = failed(id, { attempt, final: true, ...dice.usage() });
  return dice.chance(0.3) ? [gone] : [gone, ...setAside(id, step)];
}

function chunk(dice: Dice, n: number, id: string, step: Told, final = dice.chance(0.2)): EventBody {
  const offset = step.streamed ?? 0;
  const text = `t${n}`;
  Object.assign(step, { streamed: offset + text.length, streamEnded: final });
  const keptAs = dice.chance(0.3) ? { keptAs: `kept-${n}` } : {};
  return progress(id, text, { attempt: step.attempt, offset, ...keptAs, ...(final ? { final, output: { n } } : {}) });
}

/** The process died that made the call. */
function lost(dice: Dice, id: string, step: Told): EventBody[] {
  const policy = dice.one<"reattach" | "rerun" | "hold">("reattach", "rerun", "hold");
  const { usage: estimate } = dice.usage();
  const about = { stepId: id, capability: "echo", attempt: step.attempt, policy, streamed: step.streamed };
  const doubt: EventBody = { type: "step.in_doubt", ...about, ...(estimate === undefined ? {} : { estimate }) };
  return [doubt, ...(policy === "hold" ? setAside(id, step) : start(id, step))];
}

/** A person's, on a dead letter. */
function decision(dice: Dice, n: number, id: string, step: Told): EventBody[] {
  const { attempt } = step;
  if (dice.chance(0.6)) {
    step.is = "open";
    const by = dice.one("api", "queue");
    const input = dice.chance(0.3) ? { input: { edited: n } } : {};
    return [redriven(id, attempt, { by, ...input, ...(dice.chance(0.3) ? { notBefore: at(n) } : {}) })];
  }
  step.is = "over";
  if (dice.chance(0.5)) return [discarded(id, `reason ${n}`, { attempt })];
  return [{ ...completed(id, { by: "hand" }, attempt), by: "person", reason: `reason ${n}` } as EventBody];
}

/** The workflow cannot be run, is given up, is tried again. */
function ofWorkflow(dice: Dice, n: number, workflow: Told): EventBody[] {
  if (workflow.is === "dead") {
    workflow.is = "open";
    return [redriven(ADVANCE_STEP, workflow.attempt, { ...WORKFLOW, by: dice.one("api", "queue") })];
  }
  workflow.attempt += 1;
  const about = { ...WORKFLOW, attempt: workflow.attempt };
  workflow.is = dice.chance(0.4) ? "dead" : "open";
  if (workflow.is === "open") return [failed(ADVANCE_STEP, { ...about, retryAt: at(n) })];
  return [failed(ADVANCE_STEP, { ...about, final: true }), deadLettered(ADVANCE_STEP, about)];
}

/** Something that only a workflow which runs can ask for. */
function goesOn(workflow: Told): void {
  workflow.attempt = 0;
  workflow.is = "over";
}

function ofTimer(dice: Dice, n: number, timers: Map<string, "set" | "fired">, workflow: Told): EventBody[] {
  const id = `t${dice.below(3)}`;
  const timer = timers.get(id);
  if (timer === "fired") return [];
  timers.set(id, timer === undefined ? "set" : "fired");
  goesOn(workflow);
  return [timer === undefined ? timerSet(id, n + dice.below(1_000)) : timerFired(id)];
}

/** Asked for and sent, in either order. */
function ofSignal(
  dice: Dice,
  n: number,
  signals: Map<string, { asked: boolean; came: boolean }>,
  workflow: Told,
): EventBody[] {
  const name = `signal-${dice.below(3)}`;
  const signal = signals.get(name) ?? { asked: false, came: false };
  signals.set(name, signal);
  if (!signal.came && dice.chance(0.5)) {
    signal.came = true;
    return [signalReceived(name, { n })];
  }
  if (signal.asked || signal.came) return [];
  signal.asked = true;
  goesOn(workflow);
  return [signalRequested(name)];
}

function end(dice: Dice, length: number): EventBody {
  return dice.one<EventBody>(
    { type: "job.completed", output: { length }, ...(dice.chance(0.3) ? { inputDrift: ["s0"] } : {}) },
    { type: "job.failed", error: { name: "DiscardedError", message: "no" } },
    { type: "job.cancelled", ...(dice.chance(0.5) ? { reason: "changed my mind" } : {}) },
    { type: "job.expired", deadline: at(86_400_000) },
  );
}
