import { ConnectionError, SluiceError, UnavailableError } from "./errors.ts";

/** When something is tried again, and when not. Times in ms. */
export interface RetryPolicy {
  /** Tries of one request, the first included. */
  readonly attempts: number;
  /** Before the second try; doubles with each one after it, and is cut by up to a half at random. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Where a server asks for a longer wait, the caller is told instead; a reader waits so long at most. */
  readonly maxRetryAfterMs: number;
  /** For a request's whole answer. */
  readonly requestTimeoutMs: number;
  /** For a reader's connection to stand. */
  readonly connectMs: number;
  /** A live connection on which nothing came for so long is taken for dead. Servers say something each 15 s. */
  readonly silenceMs: number;
  /** A WebSocket on which nothing came for so long is asked whether it lives. */
  readonly pingMs: number;
  /** A WebSocket on which no event came for so long subscribes again from its cursor, which reads the log. */
  readonly resubscribeMs: number;
  /** Between two looks when polling: at first, and at most while nothing happens. */
  readonly pollMs: number;
  readonly maxPollMs: number;
  /** Failures in a row after which a reader tries the next channel. */
  readonly failuresPerChannel: number;
  /** A connection that lived so long, or brought an event, did not fail when it ended. */
  readonly steadyMs: number;
  /** After so long on a lesser channel the best is tried again; doubles each time in vain, to ten times as long. */
  readonly climbMs: number;
  /** Without any sign of life for so long a reader gives up: where there never was one, and where there was. */
  readonly reachMs: number;
  readonly giveUpMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 5,
  baseDelayMs: 250,
  maxDelayMs: 10_000,
  maxRetryAfterMs: 60_000,
  requestTimeoutMs: 30_000,
  connectMs: 15_000,
  silenceMs: 40_000,
  pingMs: 20_000,
  resubscribeMs: 60_000,
  pollMs: 200,
  maxPollMs: 5_000,
  failuresPerChannel: 2,
  steadyMs: 10_000,
  climbMs: 60_000,
  reachMs: 60_000,
  giveUpMs: 600_000,
};

const MAX_CLIMB_FACTOR = 10;

/** Of an answer: the same request may be answered otherwise in a while. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);
/** The server did nothing of what it was asked. */
const UNTOUCHED = new Set([425, 429]);

/** How long to wait after `failures` failures in a row: doubling, with jitter. `random` is from 0 to 1. */
export function backOff(policy: RetryPolicy, failures: number, random: number): number {
  const whole = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(whole * (1 - random / 2));
}

export interface FailedTry {
  /** The number of this try: 1, 2, … */
  readonly attempt: number;
  readonly error: unknown;
  /** Doing it twice does no more than doing it once. */
  readonly repeatable: boolean;
}

/** Ms until a failed request is to be tried again; undefined where it is not. */
export function retryDelay(policy: RetryPolicy, { attempt, error, repeatable }: FailedTry, random: number) {
  if (attempt >= policy.attempts || !isPassing(error)) return undefined;
  if (!repeatable && !(error instanceof SluiceError && UNTOUCHED.has(error.status))) return undefined;
  const asked = retryAfterOf(error);
  if (asked > policy.maxRetryAfterMs) return undefined;
  const delay = backOff(policy, attempt, random);
  // Whoever was told the same time does not come back at the same moment.
  return asked > 0 ? asked + Math.round(delay * random) : delay;
}

export type ChannelName = "websocket" | "sse" | "poll";

/** Where a reader stands among its channels. */
export interface Standing {
  /** Best first. */
  readonly channels: readonly ChannelName[];
  /** Index of the one in use. */
  readonly at: number;
  /** In a row. */
  readonly failures: number;
  /** After so long on a lesser channel the best one is tried again. */
  readonly climbMs: number;
}

/** How a connection of a reader ended. */
export interface Ended {
  /** Undefined: in order, as it does before a platform's limit. */
  readonly error?: unknown;
  /** It brought events, or lived for long. */
  readonly steady: boolean;
  /** Since the first failure after which nothing was heard on any channel, or since the beginning. */
  readonly silentMs: number;
  /** Something was heard at some time. */
  readonly reached: boolean;
}

export interface Next {
  readonly standing: Standing;
  readonly delayMs: number;
}

export const standingOn = (policy: RetryPolicy, channels: readonly ChannelName[]): Standing => ({
  channels,
  at: 0,
  failures: 0,
  climbMs: policy.climbMs,
});

/** Where a reader goes on after a connection has ended, always from its cursor. Undefined: the error is for the caller. */
export function nextStanding(policy: RetryPolicy, standing: Standing, ended: Ended, random: number): Next | undefined {
  const { error, steady, silentMs, reached } = ended;
  if (error instanceof UnavailableError) return without(standing);
  if (error !== undefined && !isPassing(error)) return undefined;
  const askedMs = Math.min(retryAfterOf(error), policy.maxRetryAfterMs);
  const isLast = standing.at === standing.channels.length - 1;
  if (steady) {
    // Neither this server nor this channel is to blame. All its readers may have been cut off at once.
    const delayMs = Math.max(Math.round(policy.baseDelayMs * random), askedMs);
    return { standing: { ...standing, failures: 0 }, delayMs };
  }
  const failures = standing.failures + 1;
  const isFull = error instanceof SluiceError && UNTOUCHED.has(error.status);
  const isTurnedAway = isFull || (error instanceof SluiceError && error.status === 503);
  if (!isLast && (isTurnedAway || failures >= policy.failuresPerChannel)) {
    return { standing: { ...standing, at: standing.at + 1, failures: 0 }, delayMs: 0 };
  }
  if (silentMs >= (reached ? policy.giveUpMs : policy.reachMs)) return undefined;
  const delayMs = Math.max(backOff(policy, failures, random), askedMs);
  return { standing: { ...standing, failures }, delayMs };
}

/** A reader on a lesser channel tries the best once more: one failure leads back down. */
export function climb(policy: RetryPolicy, standing: Standing): Standing {
  const climbMs = Math.min(standing.climbMs * 2, policy.climbMs * MAX_CLIMB_FACTOR);
  return { ...standing, at: 0, failures: policy.failuresPerChannel - 1, climbMs };
}

function without({ channels, at, climbMs }: Standing): Next | undefined {
  const left = channels.filter((_, index) => index !== at);
  if (left.length === 0) return undefined;
  return { standing: { channels: left, at: Math.min(at, left.length - 1), failures: 0, climbMs }, delayMs: 0 };
}

const isPassing = (error: unknown): boolean =>
  error instanceof ConnectionError || (error instanceof SluiceError && PASSING.has(error.status));

const retryAfterOf = (error: unknown): number => (error instanceof SluiceError ? (error.retryAfterMs ?? 0) : 0);
