import { randomUUID } from "node:crypto";
import type { JobId } from "../../src/contract/ids.ts";
import { ProblemError, violations } from "../../src/contract/problem.ts";
import {
  CLOSE,
  ClientMessage,
  MAX_BAD_FRAMES,
  MAX_FRAME_BYTES,
  MAX_SUBSCRIPTIONS,
  type ServerMessage,
} from "../../src/contract/socket.ts";
import type { Clock, LogReader } from "../../src/core/ports.ts";
import type { Logger } from "../../src/core/runtime.ts";
import type { Connection, Sockets, Subscribers } from "../../src/core/subscribers.ts";
import { errorKeys } from "../error-keys.ts";
import { handOver } from "../hand-over.ts";
import { noSuchJob } from "../jobs/jobs.ts";
import { problemOf } from "../problem-responses.ts";

export interface SocketDeps {
  readonly subscribers: Subscribers;
  readonly sockets: Sockets;
  readonly log: Pick<LogReader, "tail">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Has the job's events sent to those who watch it, now or soon. */
  readonly deliver: (jobId: JobId) => Promise<void>;
}

/** What an error frame says of a frame: it quotes what was sent, which fills one, and as JSON within JSON four. */
const MAX_ERRORS = 5;
const MAX_QUOTED = 500;

/** A frame as it came. */
export interface Frame {
  readonly connectionId: string;
  readonly text: string;
  readonly isBinary: boolean;
}

/** Does what a client's frame asks for. What cannot be done is said in an `error` frame; other subscriptions go on. */
export async function receive(frame: Frame, deps: SocketDeps): Promise<void> {
  const { connectionId, text, isBinary } = frame;
  const { subscribers, sockets } = deps;
  const connection = await subscribers.connection(connectionId);
  if (connection === undefined) return sockets.close(connectionId, CLOSE.goingAway, "connect again");
  if (isBinary) return sockets.close(connectionId, CLOSE.unsupported, "frames are text");
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_FRAME_BYTES) {
    return sockets.close(connectionId, CLOSE.tooLarge, `a frame may have ${MAX_FRAME_BYTES} bytes; got ${bytes}`);
  }
  const { value, message } = parse(text);
  const id = idOf(value);
  if (message instanceof ProblemError) {
    await say(connection, errorOf(message, id), deps);
    if ((await subscribers.blame(connectionId)) < MAX_BAD_FRAMES) return;
    return sockets.close(connectionId, CLOSE.policy, `${MAX_BAD_FRAMES} frames were no message of the protocol`);
  }
  try {
    await obey(connection, message, deps);
  } catch (error) {
    const told = problemOf(error);
    if (told.problem.status >= 500) deps.logger.error("frame failed", { connectionId, ...errorKeys(error) });
    await say(connection, errorOf(told, id), deps);
  }
}

async function obey(connection: Connection, message: ClientMessage, deps: SocketDeps): Promise<void> {
  switch (message.type) {
    case "ping":
      return say(connection, { type: "pong" }, deps);
    case "unsubscribe":
      return deps.subscribers.unsubscribe(connection.id, message.id);
    case "subscribe":
      return subscribe(connection, message, deps);
  }
}

async function subscribe(
  connection: Connection,
  { id, jobId, after = 0 }: Extract<ClientMessage, { type: "subscribe" }>,
  deps: SocketDeps,
): Promise<void> {
  const { tenant, expiresMs } = connection;
  if (connection.jobId !== undefined && jobId !== connection.jobId) {
    throw refused(403, "Another job", `this connection's ticket is for job ${connection.jobId}`, "jobId");
  }
  if (jobId !== undefined) await checkCursor(connection, jobId, after, deps);
  else if (after > 0) throw refused(400, "Invalid message", "after: a cursor is a job's; give jobId, too", "after");
  // What stood under this id before is over, of whatever job it was.
  await deps.subscribers.unsubscribe(connection.id, id);
  const added = await deps.subscribers.subscribe(
    {
      connectionId: connection.id,
      id,
      token: randomUUID(),
      tenant,
      jobId,
      isDerived: false,
      afterSeq: after,
      expiresMs,
    },
    MAX_SUBSCRIPTIONS,
  );
  if (added === "full") {
    throw refused(429, "Too many subscriptions", `a connection holds at most ${MAX_SUBSCRIPTIONS} subscriptions`, "id");
  }
  await say(connection, { type: "subscribed", id, ...(jobId === undefined ? {} : { jobId }) }, deps);
  // Only now is the log read: what is committed from here on finds the subscription, and what was before is in it.
  if (jobId !== undefined) await deps.deliver(jobId);
}

async function checkCursor({ tenant }: Connection, jobId: JobId, after: number, { log }: SocketDeps): Promise<void> {
  const [last] = await log.tail(jobId, 1);
  if (last?.tenant !== tenant) throw noSuchJob(jobId);
  if (after <= last.lastSeq) return;
  throw refused(400, "Invalid message", `after: got ${after}; the log's last seq is ${last.lastSeq}`, "after");
}

const refused = (status: number, title: string, detail: string, path: string): ProblemError =>
  new ProblemError({ status, title, detail, errors: [{ path, message: detail }] });

function parse(text: string): { readonly value: unknown; readonly message: ClientMessage | ProblemError } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const detail = `the frame is not JSON: ${(error as Error).message}`;
    return { value, message: new ProblemError({ status: 400, title: "Invalid JSON", detail }) };
  }
  const parsed = ClientMessage.safeParse(value);
  if (parsed.success) return { value, message: parsed.data };
  const errors = violations(parsed.error)
    .slice(0, MAX_ERRORS)
    .map(({ path, message }) => ({ path: path.slice(0, MAX_QUOTED), message: message.slice(0, MAX_QUOTED) }));
  const detail = errors.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return { value, message: new ProblemError({ status: 400, title: "Invalid message", detail, errors }) };
}

/** What an error is about, where the frame says so. */
function idOf(value: unknown): string | undefined {
  const id = (value as { id?: unknown } | null | undefined)?.id;
  return typeof id === "string" && id.length <= 64 ? id : undefined;
}

const errorOf = ({ problem }: ProblemError, id: string | undefined): ServerMessage => ({
  type: "error",
  ...(id === undefined ? {} : { id }),
  problem,
});

async function say({ id }: Connection, message: ServerMessage, deps: SocketDeps): Promise<void> {
  await handOver(id, JSON.stringify(message), deps);
}
