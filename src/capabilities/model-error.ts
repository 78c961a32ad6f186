import { APICallError, LoadAPIKeyError, LoadSettingError, NoSuchModelError } from "@ai-sdk/provider";
import { TerminalError, ThrottledError } from "../core/retry.ts";
import { UnknownModelError } from "../models/model-name.ts";

/** Statuses that the same request would get again. */
const HOPELESS = new Set([400, 401, 403, 404, 405, 410, 413, 414, 422]);
/** System errors of a provider that cannot be reached. One that breaks off in the middle of an answer is not among them. */
const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
const MAX_CAUSES = 8;

/**
 * What a failed model call means for its step: {@link ThrottledError} where the provider asks to wait or is down,
 * which costs no attempt; {@link TerminalError} where the same request would fail again or a key is missing; else
 * the error itself, which is tried again and counts. `nowMs` dates a `Retry-After` that is a time of day.
 */
export function modelError(error: unknown, nowMs: number): unknown {
  if (error instanceof UnknownModelError) return new TerminalError(error.message, { cause: error });
  for (const cause of causesOf(error)) {
    if (LoadAPIKeyError.isInstance(cause) || LoadSettingError.isInstance(cause) || NoSuchModelError.isInstance(cause)) {
      return new TerminalError(cause.message, { cause: error });
    }
    if (APICallError.isInstance(cause) && cause.statusCode !== undefined)
      return ofStatus(cause, cause.statusCode, nowMs);
    if (isOverload(cause))
      return new ThrottledError(`the model's provider is overloaded: ${messageOf(cause)}`, undefined, { cause: error });
    if (UNREACHABLE.has(codeOf(cause))) {
      return new ThrottledError(`the model's provider cannot be reached: ${messageOf(cause)}`, undefined, {
        cause: error,
      });
    }
  }
  return error instanceof Error
    ? error
    : new Error(`the model's provider reported an error: ${messageOf(error)}`, { cause: error });
}

function ofStatus(error: APICallError, status: number, nowMs: number): Error {
  const message = `the model's provider answered ${status}: ${error.message}`;
  if (status === 429 || status >= 500)
    return new ThrottledError(message, retryAfterMs(error.responseHeaders ?? {}, nowMs), { cause: error });
  return HOPELESS.has(status) ? new TerminalError(message, { cause: error }) : error;
}

/**
 * How long a provider asks to wait, in ms: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date
 * (RFC 9110, 10.2.3). Undefined when it asks for nothing that makes sense.
 */
export function retryAfterMs(headers: Readonly<Record<string, string | undefined>>, nowMs: number): number | undefined {
  const ms = Number.parseFloat(headers["retry-after-ms"] ?? "");
  if (ms >= 0) return Math.ceil(ms);
  const after = headers["retry-after"];
  if (after === undefined) return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(after)) return Math.ceil(Number(after) * 1_000);
  const date = Date.parse(after);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** Errors that arrive inside a stream, after its 200, have no status; they are what the provider wrote there. */
function isOverload(error: unknown): boolean {
  const kind = isRecord(error) ? `${error.type ?? ""} ${error.name ?? ""} ${error.code ?? ""}` : "";
  return /overloaded|rate_?limit|throttl|too_?many_?requests|service_?unavailable/i.test(kind);
}

/** An error and what it was caused by, the lists of `AggregateError` and of the AI SDK's retries included. */
function* causesOf(error: unknown, depth = 0): Generator<unknown> {
  if (error === undefined || error === null || depth > MAX_CAUSES) return;
  yield error;
  if (!isRecord(error)) return;
  if (Array.isArray(error.errors)) for (const inner of error.errors) yield* causesOf(inner, depth + 1);
  yield* causesOf(error.lastError ?? error.cause, depth + 1);
}

const codeOf = (error: unknown): string => (isRecord(error) ? String(error.code ?? "") : "");
const messageOf = (error: unknown): string =>
  isRecord(error) && typeof error.message === "string" && error.message !== ""
    ? error.message
    : typeof error === "string"
      ? error
      : JSON.stringify(error);
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
