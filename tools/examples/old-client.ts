import { setTimeout as pause } from "node:timers/promises";

/** What an old client has gone through. */
export interface OldAnswer {
  /** Of its attempts, in order; 0 where the connection broke. */
  readonly statuses: readonly number[];
  /** Of the last attempt. */
  readonly body: string;
  /** From the first attempt to the first byte of the last one's answer. */
  readonly firstByteMs: number;
  /** From the first attempt to the last byte of the last one's answer. */
  readonly ms: number;
}

export interface OldClient {
  /** The first included. */
  readonly attempts: number;
  /** Before the second attempt, and twice as long before each further one, where no `Retry-After` says otherwise. */
  readonly pauseMs: number;
  /** The same in every attempt. @default none is sent */
  readonly idempotencyKey?: string;
}

const PASSING = [0, 502, 503, 504];

/** A client of the old route, which knows nothing of jobs: it sends its request, and again while that fails in a way that may pass. */
export async function askAsBefore(url: string, question: string, client: OldClient): Promise<OldAnswer> {
  const { attempts, pauseMs, idempotencyKey } = client;
  const startedMs = performance.now();
  const statuses: number[] = [];
  for (;;) {
    const attempt = await send(url, question, idempotencyKey);
    statuses.push(attempt.status);
    if (!PASSING.includes(attempt.status) || statuses.length === attempts) {
      const { body, firstByteAtMs } = attempt;
      return { statuses, body, firstByteMs: firstByteAtMs - startedMs, ms: performance.now() - startedMs };
    }
    await pause(attempt.retryAfterMs ?? pauseMs * 2 ** (statuses.length - 1));
  }
}

async function send(url: string, question: string, idempotencyKey: string | undefined) {
  try {
    const response = await fetch(`${url}/analyze`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
      },
      body: JSON.stringify({ question }),
    });
    const firstByteAtMs = performance.now();
    const retryAfter = response.headers.get("retry-after");
    return {
      status: response.status,
      body: await response.text(),
      firstByteAtMs,
      retryAfterMs: retryAfter === null ? undefined : Number(retryAfter) * 1_000,
    };
  } catch {
    return { status: 0, body: "", firstByteAtMs: performance.now(), retryAfterMs: undefined };
  }
}
