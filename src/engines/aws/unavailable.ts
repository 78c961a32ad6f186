import { UnavailableError } from "../../core/errors.ts";

/** Names of throttling (docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html). */
const THROTTLING = /throttl|TooManyRequests|ProvisionedThroughputExceeded|RequestLimitExceeded|SlowDown|LimitExceeded/i;

/** Makes an error of the SDK one that says that the same call may succeed later, where that is so; others stay as they are. */
export function asUnavailable(error: unknown): unknown {
  const { name = "", $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  // Without a status there was no answer: the connection failed, or it took too long.
  const isTransient = status === undefined || status >= 500 || status === 429 || THROTTLING.test(name);
  return isTransient ? new UnavailableError(`the service does not answer: ${name}`, { cause: error }) : error;
}
