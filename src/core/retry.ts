import type { AnyCapability, ErrorVerdict } from "./define-capability.ts";

/** What becomes of a step after a failed attempt. */
export interface RetryDecision {
  /** Whether the attempt counts against the policy: throttling and outages do not. */
  readonly counts: boolean;
  readonly final: boolean;
  /** Whether the step waits for a person even where its capability says `onExhausted: "throw"`. */
  readonly held: boolean;
  /** Wait before the next attempt, in ms; 0 when final. */
  readonly delayMs: number;
}

/** An error that its capability knows to be hopeless, such as a provider's 400. */
export class TerminalError extends Error {
  override readonly name: string = "TerminalError";
}

/**
 * An error that a person has to put right outside of the app, such as a missing permission or key: not tried again, and
 * the step waits in the dead letters to be redriven, whatever its capability's `onExhausted` says. The job does not fail.
 */
export class HeldError extends TerminalError {
  override readonly name: string = "HeldError";
}

/** What the error of a dead letter is called whose call is in doubt, thrown or not. */
export const IN_DOUBT = "InDoubtError";

/** Nobody knows what has become of a call, and its capability lets only a person have it made again. */
export class InDoubtError extends HeldError {
  override readonly name = IN_DOUBT;
}

/** The capability returned what its own output schema forbids. Trying again would pay for the answer twice. */
export class OutputError extends TerminalError {
  override readonly name = "OutputError";
  readonly detail: { path: string; message: string }[];

  constructor(message: string, detail: { path: string; message: string }[] = []) {
    super(message);
    this.detail = detail;
  }
}

/** The name of the error of a call that we cut off, and that counts all the same. */
export const TIMEOUT = "TimeoutError";

/** The call took longer than its capability's `timeoutMs`. */
export class TimeoutError extends Error {
  override readonly name = TIMEOUT;
}

/** The provider asked to wait or is down: costs no attempt. */
export class ThrottledError extends Error {
  override readonly name = "ThrottledError";
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The worker's time for the call was over, or there was none: nothing is wrong with the call or its provider. */
export class ReleasedError extends ThrottledError {}

/** The longest wait that a provider is granted. */
export const MAX_ASKED_MS = 86_400_000;

/**
 * Decides on another attempt: exponential backoff with full jitter
 * (aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter). `random` is from 0 to 1.
 */
export function decideRetry(
  error: unknown,
  step: { readonly failures: number; readonly throttles: number },
  capability: Pick<AnyCapability, "retry" | "classify">,
  random: number,
): RetryDecision {
  const { retry } = capability;
  const verdict = verdictOf(error, capability);
  switch (verdict.kind) {
    case "hold":
    case "terminal":
      return { counts: true, final: true, held: verdict.kind === "hold", delayMs: 0 };
    case "throttled": {
      // A header that is a date makes NaN of a careless Number(): no time to wait for.
      const asked = Number.isFinite(verdict.retryAfterMs) ? Math.min(verdict.retryAfterMs ?? 0, MAX_ASKED_MS) : 0;
      return {
        counts: false,
        final: false,
        held: false,
        delayMs: Math.max(asked, backoff(retry, step.throttles, random)),
      };
    }
    case "retryable": {
      if (step.failures + 1 >= retry.maxAttempts) return { counts: true, final: true, held: false, delayMs: 0 };
      return { counts: true, final: false, held: false, delayMs: backoff(retry, step.failures, random) };
    }
  }
}

/** What an error means for its step. A failure must go on record even if the author's judgement of it fails. */
export function verdictOf(error: unknown, { classify }: Pick<AnyCapability, "classify">): ErrorVerdict {
  if (error instanceof TerminalError) return { kind: error instanceof HeldError ? "hold" : "terminal" };
  if (error instanceof ThrottledError) {
    const { retryAfterMs } = error;
    return { kind: "throttled", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  try {
    return classify(error) ?? { kind: "retryable" };
  } catch {
    return { kind: "retryable" };
  }
}

/** Full jitter: anything from 0 to the exponentially growing bound, in whole ms. */
export function backoff(
  policy: { readonly baseDelayMs: number; readonly maxDelayMs: number },
  failuresBefore: number,
  random: number,
): number {
  return Math.round(random * Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** Math.min(failuresBefore, 30)));
}
