import { EventSource } from "eventsource";
import { WebSocket } from "ws";
import { EventBody, type JobEvent } from "../../src/contract/events.ts";
import { type ServerMessage, SOCKET_PROTOCOL } from "../../src/contract/socket.ts";

/** Reads a job's events to its end, through whatever breaks on the way, and resolves with what it got, in that order. */
export type ReadJob = (url: string, jobId: string) => Promise<readonly JobEvent[]>;

/** A connection on which nothing was heard for so long is given up, in ms. */
const SILENCE_MS = 1_000;
const TYPES = EventBody.options.map((option) => option.shape.type.value);

/**
 * With an EventSource, which goes on by `Last-Event-ID` and drops nothing that comes twice. It waits for ever where a connection
 * is silent: the network below it is what gives up here.
 */
export const readByEventSource: ReadJob = async (url, jobId) => {
  const events: JobEvent[] = [];
  const closed = Promise.withResolvers<number | undefined>();
  let silence: NodeJS.Timeout | undefined;
  const source = new EventSource(`${url}/v1/jobs/${jobId}/events`, {
    fetch(address, init) {
      const broken = new AbortController();
      clearTimeout(silence);
      silence = setTimeout(() => broken.abort(new Error("the connection is silent")), SILENCE_MS);
      return fetch(address, { ...init, signal: AbortSignal.any([init.signal, broken.signal]) });
    },
  });
  for (const type of TYPES) {
    source.addEventListener(type, ({ data }) => {
      silence?.refresh();
      const event = JSON.parse(data) as JobEvent;
      events.push(event);
      // It would begin anew for ever.
      if (event.seq !== events.length) closed.reject(new Error(`event ${event.seq} came as number ${events.length}`));
    });
  }
  source.addEventListener("error", ({ code }) => {
    if (source.readyState === EventSource.CLOSED) closed.resolve(code);
  });
  const code = await closed.promise.finally(() => {
    clearTimeout(silence);
    source.close();
  });
  if (code !== 204) throw new Error(`the EventSource was turned away: ${code}`);
  return events;
};

/** With `ws` and the protocol alone: subscribes after the last seq that it has, and drops what is not after it. */
export const readByWebSocket: ReadJob = async (url, jobId) => {
  const events: JobEvent[] = [];
  while (!(await overOneConnection(url, jobId, events))) {
    // The next one goes on after what the last has brought.
  }
  return events;
};

/** Resolves with whether the log was read to its end. */
function overOneConnection(url: string, jobId: string, events: JobEvent[]): Promise<boolean> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/socket`, SOCKET_PROTOCOL);
  const silence = setTimeout(() => socket.terminate(), SILENCE_MS);
  const lastSeq = (): number => events.at(-1)?.seq ?? 0;
  let isComplete = false;
  return new Promise((resolve, reject) => {
    socket.on("open", () => socket.send(JSON.stringify({ type: "subscribe", id: "job", jobId, after: lastSeq() })));
    socket.on("message", (data) => {
      silence.refresh();
      const message = JSON.parse(String(data)) as ServerMessage;
      if (message.type === "event" && message.event.seq > lastSeq()) events.push(message.event);
      if (message.type === "error") reject(new Error(message.problem.detail));
      if (message.type !== "complete") return;
      isComplete = true;
      socket.terminate();
    });
    // A close follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(silence);
      resolve(isComplete);
    });
  });
}
