import { randomUUID } from "node:crypto";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { ProblemError } from "../../src/contract/problem.ts";
import type { Changes, Clock, Following } from "../../src/core/ports.ts";
import type { JobStores } from "../../src/core/read-job.ts";
import type { Logger } from "../../src/core/runtime.ts";
import { type Places, takePlace } from "../places.ts";
import type { FrameReader, Frames } from "./frames.ts";

/** While nothing happens, a comment this often: proxies and readers know that the connection lives. */
const HEARTBEAT_MS = 15_000;
/** How soon a reader that has lost its connection is to come back. */
const RETRY_MS = 2_000;
/** When a reader is to come back for which there is no place, in s. */
const FULL_RETRY_S = 10;

export interface EventStreamDeps extends JobStores {
  readonly changes: Changes;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly places: Places;
}

export interface EventStreamRequest {
  readonly tenant: TenantId;
  readonly jobId: JobId;
  /** The seq of the last event that the reader has. */
  readonly after: number;
}

/** The body of an answer. Ends after the terminal event, or, when the signal aborts, with what the log has. To be iterated over once. */
export type EventStream = (signal: AbortSignal) => AsyncGenerator<string>;

/**
 * A job's events after a cursor as server-sent events, those to come included. Undefined where the reader has the terminal
 * event. Throws a 404 for a job that is not the tenant's, a 400 for a cursor past the log's end, a 503 where there is no
 * place for one more reader. It holds a place and follows the job until its iteration has ended.
 */
export async function openEventStream(
  request: EventStreamRequest,
  deps: EventStreamDeps,
  reader: FrameReader,
): Promise<EventStream | undefined> {
  // Before the first read, so that no commit falls between.
  const following = deps.changes.follow(request.jobId);
  try {
    const first = await reader.readAnew(request.tenant, request.jobId, request.after);
    if (first.ended && first.text === "") {
      following.close();
      return undefined;
    }
    const leave = await takePlace("streams", randomUUID(), deps);
    if (leave === undefined) throw full();
    const read = [first];
    return (signal) => framesOf(request, read, { deps, reader, following, leave, signal });
  } catch (error) {
    following.close();
    throw error;
  }
}

interface Open {
  readonly deps: EventStreamDeps;
  readonly reader: FrameReader;
  readonly following: Following;
  readonly leave: () => void;
  readonly signal: AbortSignal;
}

/** @param read the first frames; taken out, so that it does not stay in memory for as long as the stream */
async function* framesOf(
  request: EventStreamRequest,
  read: Frames[],
  { deps: { clock }, reader, following, leave, signal }: Open,
): AsyncGenerator<string> {
  let { after } = request;
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    let sentMs = clock.now();
    for (;;) {
      const { text, next, ended, cut } = read.pop() ?? (await reader.read(request.tenant, request.jobId, after));
      after = next;
      if (text !== "") {
        yield text;
        sentMs = clock.now();
      }
      if (ended) return;
      if (cut) continue;
      while (!(await following.next(after, Math.max(0, sentMs + HEARTBEAT_MS - clock.now()), signal))) {
        if (signal.aborted) return;
        yield ":\n\n";
        sentMs = clock.now();
      }
    }
  } finally {
    following.close();
    leave();
  }
}

const full = (): ProblemError =>
  new ProblemError(
    {
      title: "Too many streams",
      status: 503,
      detail: `as many streams are open as may be; come back in ${FULL_RETRY_S} s, or read the same events page by page`,
    },
    { "retry-after": String(FULL_RETRY_S) },
  );
