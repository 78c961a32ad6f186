import { setTimeout as pause } from "node:timers/promises";
import { follow } from "../../examples/express/step-2-stream/follow.ts";

/** What a client of the new route has gone through. Times are from its first request on. */
export interface NewAnswer {
  /** Of its submissions, in order; 0 where the connection broke. */
  readonly statuses: readonly number[];
  readonly firstByteMs: number;
  /** Undefined where none came. */
  readonly firstWordsMs: number | undefined;
  readonly ms: number;
}

/** Submits, again while that is not answered with a 202, and reads the job's events to its result by the example's own reader. */
export async function askAndFollow(url: string, question: string, key: string, pauseMs: number): Promise<NewAnswer> {
  const startedMs = performance.now();
  const sinceStart = (): number => performance.now() - startedMs;
  const statuses: number[] = [];
  for (;;) {
    const response = await fetch(`${url}/analyses`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify({ question }),
    }).catch(() => undefined);
    statuses.push(response?.status ?? 0);
    if (response?.status !== 202) {
      await response?.arrayBuffer();
      await pause(pauseMs);
      continue;
    }
    const firstByteMs = sinceStart();
    const { events } = (await response.json()) as { events: string };
    let firstWordsMs: number | undefined;
    await follow(url + events, {
      onText: () => {
        firstWordsMs ??= sinceStart();
      },
    });
    return { statuses, firstByteMs, firstWordsMs, ms: sinceStart() };
  }
}
