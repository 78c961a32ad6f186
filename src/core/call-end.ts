import { CallStoppedError } from "./calls.ts";
import type { AnyCapability } from "./define-capability.ts";
import { ReleasedError, verdictOf } from "./retry.ts";

/** What a call says of its provider. */
export type CallEnd =
  /** It answered, if only by refusing the request. */
  | "answered"
  /** It timed out, could not be reached, broke off, asked to wait, or said that it is down. */
  | "provider-failed"
  /** We ended the call before it did. */
  | "cut-off"
  | "not-called";

/** What a call that threw says of its provider, and how long that asks to wait, in ms. */
export function callEndOf(
  error: unknown,
  capability: Pick<AnyCapability, "classify">,
): { readonly end: CallEnd; readonly retryAfterMs?: number } {
  if (error instanceof ReleasedError || error instanceof CallStoppedError) return { end: "cut-off" };
  const verdict = verdictOf(error, capability);
  switch (verdict.kind) {
    case "terminal":
    case "hold":
      return { end: "answered" };
    case "retryable":
      return { end: "provider-failed" };
    case "throttled": {
      const { retryAfterMs } = verdict;
      return { end: "provider-failed", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
  }
}
