import { Usage } from "../contract/events.ts";
import { isDeeperThan, type Json, MAX_JSON_DEPTH } from "../contract/json.ts";
import { violations } from "../contract/problem.ts";
import type { AnyCapability, StepContext } from "./define-capability.ts";
import { asJson } from "./pass.ts";
import type { Clock } from "./ports.ts";
import type { Resources } from "./resources.ts";
import { InDoubtError, OutputError, ReleasedError, TimeoutError } from "./retry.ts";

/** A result's size as JSON, in bytes of UTF-8, above which it is refused: a reader gets it whole in one response. */
export const MAX_RESULT_BYTES = 1_048_576;

export interface Call {
  readonly capability: AnyCapability;
  readonly input: Json | undefined;
  /** The seq of the redrive that gave the step this input. @default 0: as requested */
  readonly editedSeq?: number;
  readonly jobId: string;
  readonly tenant: string;
  readonly stepId: string;
  readonly attempt: number;
  readonly resources: Resources;
  readonly clock: Clock;
  /** Until when the caller holds the step and can record what comes of it, in epoch ms. @default as long as the call may take */
  readonly endsAtMs?: number;
  /** Why `endsAtMs` is when it is: not the call's fault, so it costs no attempt. @default "its worker's time" */
  readonly endsBy?: string;
  /** Stops the call from outside. */
  readonly signal?: AbortSignal;
  readonly onProgress: (text: string) => void;
  readonly onKeptAs: (id: string) => Promise<void>;
  /** The provider may keep an earlier attempt's answer under this id: it is asked for that first. */
  readonly reattachTo?: string;
}

/** What a call came to. `output` is what the capability returned, unchecked. */
export type CallOutcome =
  | { readonly kind: "returned"; readonly output: unknown; readonly usage: Usage | undefined }
  /** `cutOff`: `run` had been called, and we ended it before it did. */
  | { readonly kind: "threw"; readonly error: unknown; readonly usage: Usage | undefined; readonly cutOff: boolean };

/**
 * Calls a capability once, with its timeout. Never rejects; never outlasts the timeout, its caller or `signal`, even if
 * `run` ignores its own signal. With no time left, or stopped before it begins, nothing is called. That its caller's time was too short for the call
 * counts for nothing: it is a {@link ReleasedError}, the timeout a {@link TimeoutError}.
 */
export async function call({ capability, clock, signal, onProgress, onKeptAs, ...about }: Call): Promise<CallOutcome> {
  const { endsBy = "its worker's time" } = about;
  const leftMs = about.endsAtMs === undefined ? capability.timeoutMs : about.endsAtMs - clock.now();
  const timeoutMs = Math.min(capability.timeoutMs, leftMs);
  if (timeoutMs <= 0) {
    const error = new ReleasedError(`the worker of capability ${capability.name} has no time left for a call`);
    return { kind: "threw", error, usage: undefined, cutOff: false };
  }
  const controller = new AbortController();
  let usage: Usage | undefined;
  let over = false;
  let called = false;
  const step: StepContext = {
    jobId: about.jobId,
    tenant: about.tenant,
    stepId: about.stepId,
    attempt: about.attempt,
    idempotencyKey: idempotencyKeyOf(about),
    signal: controller.signal,
    resources: about.resources,
    progress(text) {
      if (!over) onProgress(text);
    },
    async keptAs(id) {
      if (!over) await onKeptAs(id);
    },
    usage(used) {
      // What is no usage must not keep the answer from being recorded.
      const parsed = Usage.safeParse(used);
      if (parsed.success) usage = parsed.data;
    },
  };
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => {});
  let isStopped = false;
  const stop = (error: unknown): void => {
    isStopped = true;
    // First: what `run` makes of being aborted says less.
    stopped.reject(error);
    controller.abort(error);
  };
  const onCalled = (): void => {
    called = true;
  };
  const cancel = clock.setTimer(timeoutMs, () => {
    const error =
      leftMs < capability.timeoutMs
        ? new ReleasedError(`the call was released after ${timeoutMs} ms: ${endsBy} was over`, 0)
        : new TimeoutError(`capability ${capability.name} took longer than its timeout of ${timeoutMs} ms`);
    stop(error);
  });
  const onStopped = (): void => stop(signal?.reason);
  signal?.addEventListener("abort", onStopped);
  if (signal?.aborted) onStopped();
  try {
    const output = await Promise.race([answerOf(capability, about, step, onCalled), stopped.promise]);
    return { kind: "returned", output, usage };
  } catch (error) {
    return { kind: "threw", error, usage, cutOff: called && isStopped };
  } finally {
    over = true;
    cancel();
    signal?.removeEventListener("abort", onStopped);
  }
}

/** What a person has edited is another request: under the old key a provider would refuse it, or give the old answer. */
const idempotencyKeyOf = ({ jobId, stepId, editedSeq = 0 }: Pick<Call, "jobId" | "stepId" | "editedSeq">): string =>
  editedSeq === 0 ? `${jobId}/${stepId}` : `${jobId}@${editedSeq}/${stepId}`;

async function answerOf(
  { name, run, reattach, onInDoubt }: AnyCapability,
  { input, reattachTo }: Pick<Call, "input" | "reattachTo">,
  step: StepContext,
  onCalled: () => void,
): Promise<unknown> {
  step.signal.throwIfAborted();
  const kept = reattach && reattachTo !== undefined ? await reattach(reattachTo, input, step) : undefined;
  if (kept !== undefined) return kept;
  // Its caller may have gone while the provider was asked: an answer now would be paid for and lost.
  step.signal.throwIfAborted();
  if (reattachTo !== undefined && onInDoubt === "hold") {
    throw new InDoubtError(`capability ${name} holds its call: the provider does not keep ${reattachTo} any more`);
  }
  onCalled();
  return run(input, step);
}

/** The result to record, or the {@link OutputError} that says what is wrong with it and the raw output to keep. Never throws. */
export function checkOutput(
  capability: AnyCapability,
  output: unknown,
): { readonly result: Json | undefined } | { readonly error: OutputError; readonly raw: Json | undefined } {
  try {
    return { result: resultOf(capability, output) };
  } catch (error) {
    const { message } = error as Error;
    const said =
      error instanceof OutputError
        ? error
        : new OutputError(`${returned(capability)} what cannot be checked: ${message}`);
    return { error: said, raw: rawJson(output) };
  }
}

const returned = ({ name }: AnyCapability): string => `capability ${name} returned`;

function resultOf(capability: AnyCapability, output: unknown): Json | undefined {
  if (isDeeperThan(output, MAX_JSON_DEPTH)) {
    throw new OutputError(`${returned(capability)} a value nested more than ${MAX_JSON_DEPTH} levels deep`);
  }
  const parsed = capability.output.safeParse(output);
  if (!parsed.success) {
    const errors = violations(parsed.error, "/output");
    const list = errors.map(({ path, message }) => `${path}: ${message}`).join("; ");
    throw new OutputError(`${returned(capability)} what its output schema forbids: ${list}`, errors);
  }
  const text = JSON.stringify(parsed.data) as string | undefined;
  if (text === undefined) return undefined;
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_RESULT_BYTES) {
    throw new OutputError(
      `${returned(capability)} ${bytes} bytes of JSON; at most ${MAX_RESULT_BYTES} are allowed. ` +
        "Store large results and return a reference to them",
    );
  }
  return JSON.parse(text) as Json;
}

/** Whatever a capability returned, as far as JSON can hold it and a reader can walk it. */
export function rawJson(output: unknown): Json | undefined {
  try {
    return isDeeperThan(output, MAX_JSON_DEPTH) ? "a value that is nested too deeply to keep" : asJson(output);
  } catch {
    return "a value that JSON cannot hold";
  }
}
