import { isDeepStrictEqual } from "node:util";
import type { EventBody } from "../contract/events.ts";
import { isDeeperThan, type Json, MAX_JSON_DEPTH } from "../contract/json.ts";
import { violations } from "../contract/problem.ts";
import type {
  CompletionInput,
  CompletionOutput,
  RetrievalInput,
  RetrievalOutput,
  ToolCall,
  ToolResult,
} from "../contract/standard-capabilities.ts";
import { STANDARD_CAPABILITIES } from "../contract/standard-capabilities.ts";
import type { App } from "./define-app.ts";
import type { AnyCapability, CapabilityInput, CapabilityOutput } from "./define-capability.ts";
import type { Job } from "./define-workflow.ts";
import { StepFailedError, WorkflowError } from "./errors.ts";
import { ADVANCE_STEP, type JobState, type StepState } from "./state.ts";

const MAX_STEP_ID = 200;
/** Of what a date can be. */
const MAX_TIME_MS = 8.64e15;
/** Of a step's input as JSON, in bytes of UTF-8. */
const MAX_INPUT_BYTES = 1_048_576;
/** One for each that waits: every `await` of a shared one would keep its whole pass in memory for ever. */
const never = (): Promise<never> => new Promise(() => {});

/**
 * One run of a workflow's function against a log: answers the steps that the log has, notes those that it has not.
 *
 * It is the `job` that the function sees. It never throws into the function: a broken rule is kept in `broken`, and
 * the promise asked for stays open, so that no `catch` of the author's can hide it.
 */
export class Pass implements Job {
  readonly id: string;
  readonly tenant: string;
  /** What the log must be given: `step.requested` and `value.recorded`, in the order asked for. */
  readonly events: EventBody[] = [];
  /** Steps asked for whose outcome is not known yet. */
  waiting = 0;
  broken: WorkflowError | undefined;

  readonly #state: JobState;
  readonly #app: App;
  readonly #data: PassData;
  readonly #keepInputs: boolean;
  readonly #asked = new Map<string, Ask & { promise: Promise<unknown> }>();
  /** Answers that the log has and the function has asked for, not handed out yet. */
  readonly #recalled: { readonly seq: number; readonly answer: () => void }[] = [];
  /** The earliest stands last. */
  #inOrder = true;
  #requests = 0;
  readonly #values = new Map<string, Json>();
  readonly #sleeps = new Map<string, Promise<void>>();
  readonly #signals = new Map<string, Promise<never>>();

  /** @param keepInputs writes down what every step is asked with, for {@link drift}; a long job's passes do without. */
  constructor(state: JobState, app: App, data: PassData, keepInputs = false) {
    this.#keepInputs = keepInputs;
    this.id = state.jobId;
    this.tenant = state.tenant;
    this.#state = state;
    this.#app = app;
    this.#data = data;
  }

  step<C extends AnyCapability>(id: string, capability: C, input: CapabilityInput<C>): Promise<CapabilityOutput<C>> {
    return this.#ask(id, capability.name, input) as Promise<CapabilityOutput<C>>;
  }

  retrieve(id: string, input: RetrievalInput): Promise<RetrievalOutput> {
    return this.#ask(id, STANDARD_CAPABILITIES.retrieval, input) as Promise<RetrievalOutput>;
  }

  complete(id: string, input: CompletionInput): Promise<CompletionOutput> {
    return this.#ask(id, STANDARD_CAPABILITIES.completion, input) as Promise<CompletionOutput>;
  }

  tool(id: string, call: ToolCall): Promise<ToolResult> {
    return this.#ask(id, STANDARD_CAPABILITIES.tool, call) as Promise<ToolResult>;
  }

  async now(id: string): Promise<Date> {
    return new Date(this.#recorded(`now/${id}`, () => this.#data.nowMs) as number);
  }

  async random(id: string): Promise<number> {
    return this.#recorded(`random/${id}`, this.#data.random) as number;
  }

  sleep(id: string, until: number | Date): Promise<void> {
    const asked = this.#sleeps.get(id);
    if (asked !== undefined) return asked;
    const promise = this.broken ? never() : this.#timer(id, until);
    this.#sleeps.set(id, promise);
    return promise;
  }

  #timer(id: string, until: number | Date): Promise<void> {
    const { nowMs } = this.#data;
    const timer = this.#state.timers.get(id);
    if (timer === undefined) {
      if (!isStepId(id)) return this.#break(wrongId(id));
      const fireAtMs = timeOf(until, nowMs);
      if (!(fireAtMs >= 0 && fireAtMs <= MAX_TIME_MS)) {
        const got = until instanceof Date ? "an invalid date" : String(until);
        return this.#break(`job.sleep(${JSON.stringify(id)}, …) takes a number of ms from 0, or a Date; got ${got}`);
      }
      this.events.push({ type: "timer.set", timerId: id, fireAt: new Date(fireAtMs).toISOString() });
      this.waiting += 1;
      return never();
    }
    if (timer.firedSeq === 0 && timer.fireAtMs > nowMs) {
      this.waiting += 1;
      return never();
    }
    if (timer.firedSeq === 0) this.events.push({ type: "timer.fired", timerId: id });
    const { promise, resolve } = Promise.withResolvers<void>();
    // One that goes off now does so after all that is on record, and before those that are asked for after it.
    const seq = timer.firedSeq > 0 ? timer.firedSeq : this.#state.seq + this.events.length;
    this.#recalled.push({ seq, answer: resolve });
    this.#inOrder = false;
    return promise;
  }

  signal(name: string): Promise<never> {
    const asked = this.#signals.get(name);
    if (asked !== undefined) return asked;
    const promise = this.broken ? never() : this.#awaited(name);
    this.#signals.set(name, promise);
    return promise;
  }

  #awaited(name: string): Promise<never> {
    const signal = this.#state.signals.get(name);
    if (signal === undefined || signal.receivedSeq === 0) {
      const known = Object.keys(this.#app.workflows.get(this.#state.workflow)?.signals ?? {});
      if (!known.includes(name)) {
        return this.#break(
          `job.signal(${JSON.stringify(name)}) waits for a signal that workflow ${this.#state.workflow} does not have; it has ${known.join(", ") || "none"}. Add it to defineWorkflow({ signals })`,
        );
      }
      if (signal === undefined) this.events.push({ type: "signal.requested", signal: name });
      this.waiting += 1;
      return never();
    }
    const { promise, resolve } = Promise.withResolvers<never>();
    this.#recalled.push({ seq: signal.receivedSeq, answer: () => resolve(signal.payload as never) });
    this.#inOrder = false;
    return promise;
  }

  /** Steps whose recorded input is not what the code asks for now. The log wins; readers are told. Needs `keepInputs`. */
  drift(): string[] {
    const drifted: string[] = [];
    for (const [id, { text }] of this.#asked) {
      const step = this.#state.steps.get(id);
      if (step === undefined) continue;
      const capability = this.#app.capabilities.get(step.capability);
      const input = parse(text);
      const parsed = capability?.input.safeParse(input);
      const asked = parsed?.success ? parsed.data : input;
      if (!isDeepStrictEqual(asJson(asked), step.input)) drifted.push(id);
    }
    return drifted;
  }

  #ask(id: string, capabilityName: string, input: unknown): Promise<unknown> {
    if (this.broken) return never();
    const before = this.#asked.get(id);
    let text: string | undefined;
    // Most asks of a pass are of steps that the log has: their inputs are of no interest.
    if (before || this.#keepInputs || !this.#state.steps.has(id)) {
      try {
        text = JSON.stringify(input);
      } catch (error) {
        return this.#break(
          `step ${JSON.stringify(id)}: the input cannot be written as JSON: ${error instanceof Error ? error.message : error}`,
        );
      }
    }
    const ask: Ask = { capability: capabilityName, input, text };
    if (before) {
      const first = before.text ?? JSON.stringify(before.input);
      if (before.capability === capabilityName && sameJson(first, text)) return before.promise;
      return this.#break(
        `step id ${JSON.stringify(id)} is used twice in one pass: for ${before.capability} and for ${capabilityName}` +
          `${before.capability === capabilityName ? " with another input" : ""}. Give each step an id of its own`,
        { stepId: id, first: describe({ ...before, text: first }), second: describe(ask) },
      );
    }
    const promise = this.#answer(id, capabilityName, input);
    this.#asked.set(id, { ...ask, promise });
    return promise;
  }

  #answer(id: string, capabilityName: string, input: unknown): Promise<unknown> {
    const step = this.#state.steps.get(id);
    if (step === undefined) return this.#request(id, capabilityName, input);
    if (step.capability !== capabilityName) {
      return this.#break(
        `step ${JSON.stringify(id)} is recorded as a call of ${step.capability}, and the workflow now asks ${capabilityName} for it. ` +
          "An id keeps its meaning for the life of a job: use a new one",
        { stepId: id, recorded: step.capability, asked: capabilityName },
      );
    }
    if (step.status === "completed" || step.status === "failed") return this.#recall(step);
    this.waiting += 1;
    return never();
  }

  /** The recorded answer: at once where there never was another open beside it, otherwise in its turn. */
  #recall(step: StepState): Promise<unknown> {
    if (!this.#state.parallel && step.status === "completed") return Promise.resolve(step.result);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // A workflow may never come to await it; that is no unhandled rejection.
    promise.catch(() => {});
    const answer =
      step.status === "completed"
        ? () => resolve(step.result)
        : () => reject(new StepFailedError(step.id, step.error ?? { name: "Error", message: "unknown" }));
    this.#recalled.push({ seq: step.answeredSeq, answer });
    this.#inOrder = false;
    return promise;
  }

  /**
   * Hands out the earliest of the recorded answers that were asked for; false when there is none. Called when the
   * function has done all it can with the answers before: so it sees them in the order in which they came, and
   * `Promise.race` has the same winner in every pass.
   */
  answerNext(): boolean {
    if (!this.#inOrder) this.#recalled.sort((a, b) => b.seq - a.seq);
    this.#inOrder = true;
    const next = this.#recalled.pop();
    next?.answer();
    return next !== undefined;
  }

  #request(id: string, capabilityName: string, input: unknown): Promise<never> {
    if (!isStepId(id)) return this.#break(wrongId(id));
    const capability = this.#app.capabilities.get(capabilityName);
    if (capability === undefined) {
      return this.#break(
        `step ${JSON.stringify(id)} asks for capability ${JSON.stringify(capabilityName)}, which the app does not have; ` +
          `it has ${[...this.#app.capabilities.keys()].join(", ") || "none"}. Add it to defineApp({ capabilities })`,
      );
    }
    const parsed = capability.input.safeParse(input);
    if (!parsed.success) {
      const errors = violations(parsed.error, "/input");
      return this.#break(
        `step ${JSON.stringify(id)}: the input is not what ${capabilityName} takes: ${errors.map((e) => `${e.path}: ${e.message}`).join("; ")}`,
        errors,
      );
    }
    if (isDeeperThan(parsed.data, MAX_JSON_DEPTH)) {
      return this.#break(`step ${JSON.stringify(id)}: the input is nested more than ${MAX_JSON_DEPTH} levels deep`);
    }
    const text = JSON.stringify(parsed.data) as string | undefined;
    const bytes = text === undefined ? 0 : Buffer.byteLength(text);
    if (bytes > MAX_INPUT_BYTES) {
      return this.#break(
        `step ${JSON.stringify(id)}: the input has ${bytes} bytes of JSON; at most ${MAX_INPUT_BYTES} are allowed. Pass a reference`,
      );
    }
    if (this.#state.steps.size + this.#requests >= this.#app.maxSteps) {
      return this.#break(`the job asks for more than ${this.#app.maxSteps} steps, the app's maxSteps`);
    }
    this.waiting += 1;
    this.#requests += 1;
    this.events.push({ type: "step.requested", stepId: id, capability: capabilityName, input: parse(text) });
    return never();
  }

  #recorded(id: string, make: () => number): Json {
    const known = this.#state.values.get(id) ?? this.#values.get(id);
    if (known !== undefined) return known;
    const value = make();
    this.#values.set(id, value);
    this.events.push({ type: "value.recorded", valueId: id, value });
    return value;
  }

  #break(message: string, detail?: Json): Promise<never> {
    this.broken ??= new WorkflowError(message, detail);
    return never();
  }
}

/** What a pass may use besides the log; it reaches the log, so that later passes see the same. */
export interface PassData {
  readonly nowMs: number;
  readonly random: () => number;
}

/** What a step was asked with; `text`, if kept, as it was then: the author may go on to change the object. */
interface Ask {
  readonly capability: string;
  readonly input: unknown;
  readonly text: string | undefined;
}

const isStepId = (id: unknown): boolean =>
  typeof id === "string" && id !== "" && id.length <= MAX_STEP_ID && !id.startsWith("@");
const wrongId = (id: unknown): string =>
  `a step id must be a string of 1 to ${MAX_STEP_ID} characters that does not begin with '@' (${ADVANCE_STEP} is ours); got ${JSON.stringify(id)}`;

/** When a wait of so many ms, or until a date, is over, in epoch ms; NaN for what is neither. */
function timeOf(until: unknown, nowMs: number): number {
  if (until instanceof Date) return until.getTime();
  return typeof until === "number" && until >= 0 ? nowMs + until : Number.NaN;
}

const parse = (text: string | undefined): Json | undefined =>
  text === undefined ? undefined : (JSON.parse(text) as Json);
const sameJson = (a: string | undefined, b: string | undefined): boolean =>
  a === b || isDeepStrictEqual(parse(a), parse(b));
const describe = ({ capability, text }: Omit<Ask, "input">): Json => ({ capability, input: parse(text) ?? null });

/** The value as a log gives it back: without `undefined`, dates as text. */
export function asJson(value: unknown): Json | undefined {
  return parse(JSON.stringify(value));
}
