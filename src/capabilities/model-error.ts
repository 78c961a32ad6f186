import { APICallError, LoadAPIKeyError, LoadSettingError, NoSuchModelError } from "@ai-sdk/provider";
import { HeldError, TerminalError, ThrottledError } from "../core/retry.ts";
import { type BedrockError, bedrockRefusal } from "../models/bedrock-refusal.ts";
import { UnknownModelError } from "../models/model-name.ts";

/** Statuses that the same request would get again. */
const HOPELESS = new Set([400, 404, 405, 410, 413, 414, 422]);
/** No key, no credit, no permission: somebody has to put that right with the provider. */
const REFUSED = new Set([401, 402, 403]);
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

/** What was called: the model's name, and the AWS region in which, for Bedrock's. */
export interface Called {
  readonly model: string;
  readonly region: string | undefined;
}

/**
 * What a failed model call means for its step: {@link ThrottledError} where the provider asks to wait or is down,
 * which costs no attempt; {@link HeldError} where a person has to put right a key, a permission or an access, named in
 * the message; {@link TerminalError} where the same request would fail again; else the error itself, which is tried
 * again and counts. `nowMs` dates a `Retry-After` that is a time of day.
 */
export function modelError(error: unknown, nowMs: number, called?: Called): unknown {
  if (error instanceof UnknownModelError) return new TerminalError(error.message, { cause: error });
  for (const cause of causesOf(error)) {
    if (LoadAPIKeyError.isInstance(cause) || LoadSettingError.isInstance(cause) || isMissingCredentials(cause)) {
      return new HeldError(`${open(messageOf(cause))}. Then redrive the step`, { cause: error });
    }
    if (NoSuchModelError.isInstance(cause)) return new TerminalError(cause.message, { cause: error });
    if (APICallError.isInstance(cause) && cause.statusCode !== undefined)
      return ofStatus(cause, cause.statusCode, nowMs, called);
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

function ofStatus(error: APICallError, status: number, nowMs: number, called: Called | undefined): Error {
  const answered = (message: string) => `the model's provider answered ${status}: ${open(message)}`;
  const throttled = (message: string) =>
    new ThrottledError(message, retryAfterMs(error.responseHeaders ?? {}, nowMs), { cause: error });
  if (called?.model.startsWith("bedrock:")) {
    const details = bedrockError(error, status);
    const refusal = bedrockRefusal(details, called.model.slice("bedrock:".length), called.region);
    if (refusal) {
      const message = `${answered(details.message)}. ${refusal.hint}`;
      if (refusal.kind === "throttled") return throttled(message);
      if (refusal.kind === "terminal") return new TerminalError(message, { cause: error });
      return new HeldError(`${message}. Then redrive the step`, { cause: error });
    }
  }
  const message = answered(error.message);
  if (status === 429 || status >= 500) return throttled(message);
  if (REFUSED.has(status)) {
    return new HeldError(`${message}. Put the provider's key or its permissions right, then redrive the step`, {
      cause: error,
    });
  }
  return HOPELESS.has(status) ? new TerminalError(message, { cause: error }) : error;
}

/** Bedrock names the error in a header, and IAM, which answers in its place, writes `Message` for `message`. */
function bedrockError(error: APICallError, status: number): BedrockError {
  const body = jsonOf(error.responseBody);
  const message = [body.message, body.Message].find((text) => typeof text === "string" && text !== "");
  const type = error.responseHeaders?.["x-amzn-errortype"] ?? body.__type;
  return {
    status,
    type: typeof type === "string" ? (type.split(":")[0] ?? "") : "",
    message: typeof message === "string" ? message : error.message,
  };
}

/** Without its full stop: more follows. */
const open = (sentence: string): string => sentence.replace(/[.\s]+$/, "");

function jsonOf(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

/** The Bedrock provider reports them by a plain error. */
const isMissingCredentials = (error: unknown): boolean =>
  isRecord(error) && typeof error.message === "string" && error.message.startsWith("AWS SigV4 authentication requires");

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
