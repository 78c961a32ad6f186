/**
 * When a webhook that failed is tried again: the schedule that Standard Webhooks gives as its example
 * (github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability), three days
 * in all. Each wait begins when the attempt before it has failed.
 */
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const WAITS_MS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;

export const MAX_WEBHOOK_ATTEMPTS = WAITS_MS.length + 1;
/** Of each wait, so that receivers which failed together are not tried again together. */
const JITTER = 0.1;
/** A receiver may ask for more time than the schedule gives, up to this. */
const MAX_RETRY_AFTER_MS = 24 * HOUR;

/**
 * How long to wait after the n-th failure in a row, in ms; undefined: that was the last attempt. What the receiver asks for
 * only lengthens a wait: ten attempts a second apart would be used up before it recovers.
 *
 * @param random from 0 (included) to 1 (not)
 */
export function webhookWaitMs(failures: number, random: number, retryAfterMs = 0): number | undefined {
  const waitMs = WAITS_MS[failures - 1];
  if (waitMs === undefined) return undefined;
  return Math.max(waitMs * (1 + JITTER * random), Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
}

/** The header `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3), in ms from now; 0 for none or one that is neither. */
export function retryAfterMsOf(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * SECOND;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? 0 : Math.max(0, atMs - nowMs);
}
