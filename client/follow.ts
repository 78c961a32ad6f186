import type { Channel } from "./channels/channel.ts";
import { ConnectionError } from "./errors.ts";
import { climb, nextStanding, type RetryPolicy, standingOn } from "./retry.ts";
import { pause, scopeOf } from "./scope.ts";
import { watched } from "./watched.ts";
import { type Delta, isTerminal, type JobEvent } from "./wire.ts";

/** What a reader of a job gets: its events, each once and in order, and text that runs ahead of them. */
export type Update =
  | { readonly type: "event"; readonly event: JobEvent }
  | { readonly type: "delta"; readonly delta: Delta };

export interface FollowOptions {
  /** The seq of the last event that the caller has. @default 0 */
  readonly after?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a job's log from a cursor to its end, over the best channel that works. The one place where connections are judged:
 *
 * 1. Every connection begins after the cursor, and the cursor is the seq of the last event that was handed out: so nothing is
 *    missed by a break or by a change of channel.
 * 2. An event whose seq is not after the cursor is dropped: each is handed out once.
 * 3. An event whose seq is not the next one is a lost one: the connection is given up, and the next reads the log.
 * 4. A connection that is silent is given up (`policy.silenceMs`), whatever the operating system thinks of it.
 *
 * Ends after the terminal event. Throws what the policy does not try again, and the reason of the signal.
 */
export async function* follow(
  jobId: string,
  channels: readonly Channel[],
  policy: RetryPolicy,
  { after = 0, signal }: FollowOptions = {},
): AsyncGenerator<Update, void, undefined> {
  const patience = { firstMs: policy.connectMs, silenceMs: policy.silenceMs };
  let cursor = after;
  let standing = standingOn(
    policy,
    channels.map(({ name }) => name),
  );
  // From the beginning, or from the first failure since anything was heard: a caller who is busy hears nothing meanwhile.
  let silentSinceMs: number | undefined = performance.now();
  let reached = false;
  for (;;) {
    signal?.throwIfAborted();
    const channel = channels.find(({ name }) => name === standing.channels[standing.at]);
    if (channel === undefined) throw new Error("a reader needs a channel");
    const scope = scopeOf(signal);
    const openedMs = performance.now();
    const firstCursor = cursor;
    let error: unknown;
    let isClimbing = false;
    try {
      for await (const frame of watched(channel.open(jobId, cursor, scope.signal), patience, scope)) {
        silentSinceMs = undefined;
        reached = true;
        if (frame.type === "event") {
          const { seq } = frame.event;
          if (seq <= cursor) continue;
          if (seq > cursor + 1)
            throw new ConnectionError(`event ${cursor + 1} is missing: ${seq} came after ${cursor}`);
          cursor = seq;
          yield frame;
          if (isTerminal(frame.event)) return;
        } else if (frame.type === "delta") yield frame;
        else if (frame.type === "end") {
          if ((frame.seq ?? cursor) <= cursor) return;
          throw new ConnectionError(`the log ended with event ${frame.seq}, but none came after ${cursor}`);
        }
        isClimbing = standing.at > 0 && performance.now() - openedMs >= standing.climbMs;
        if (isClimbing) break;
      }
    } catch (caught) {
      signal?.throwIfAborted();
      error = caught;
    }
    if (isClimbing) {
      standing = climb(policy, standing);
      continue;
    }
    const nowMs = performance.now();
    const steady = cursor > firstCursor || nowMs - openedMs >= policy.steadyMs;
    silentSinceMs ??= nowMs;
    const ended = { error, steady, silentMs: nowMs - silentSinceMs, reached };
    const next = nextStanding(policy, standing, ended, Math.random());
    if (next === undefined) throw error ?? new ConnectionError("the server ends every connection at once");
    standing = next.standing;
    await pause(next.delayMs, signal);
  }
}
