import { ConnectionError, SluiceError, UnavailableError } from "../errors.ts";
import type { Http } from "../http.ts";
import type { RetryPolicy } from "../retry.ts";
import { secretOf, type Ticket, type TicketSource, ticketFrom, ticketRequest } from "../tickets.ts";
import type { Delta, JobEvent, Problem } from "../wire.ts";
import type { Channel, Frame } from "./channel.ts";
import { Inbox } from "./inbox.ts";

/** What the client needs of a runtime's WebSocket: browsers, Node from 22 on and the package `ws` have it. */
export type WebSocketConstructor = new (url: string, protocol: string) => WebSocketLike;

export interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  /** Cuts the connection. Of the package `ws`: others can only ask the peer to close it. */
  terminate?(): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void;
}

export interface WebSocketProps {
  readonly http: Http;
  readonly policy: RetryPolicy;
  /** Undefined where the runtime has none. */
  readonly WebSocket: WebSocketConstructor | undefined;
  /** In the place of the one that a ticket names. */
  readonly url: string | URL | undefined;
  /** @default the server, with the client's key */
  readonly ticketOf: TicketSource | undefined;
}

/** docs/protocol.md, WebSocket. */
const PROTOCOL = "sluice.v1";
const SUBSCRIPTION = "job";
/** Frames that wait for a slow reader at most: a WebSocket cannot be told to wait, but it can be closed and resumed. */
const CAPACITY = 1_000;
const NORMAL_CLOSURE = 1_000;
/** For the peer to answer a close; a frozen one never does. */
const CLOSING_MS = 1_000;

type ServerFrame =
  /** None of the server's: the connection stands. */
  | { readonly type: "opened" }
  | { readonly type: "subscribed" | "pong" }
  | { readonly type: "event"; readonly event: JobEvent; readonly ref?: string }
  | ({ readonly type: "delta" } & Delta)
  | { readonly type: "complete"; readonly seq: number }
  | { readonly type: "error"; readonly problem: Problem };

/** One connection with one subscription, let in by a ticket: a browser's WebSocket takes no headers, and so needs no other way. */
export function webSocketChannel(props: WebSocketProps): Channel {
  const { policy, WebSocket } = props;
  return {
    name: "websocket",
    async *open(jobId, after, signal): AsyncGenerator<Frame> {
      if (WebSocket === undefined) throw new UnavailableError("this runtime has no WebSocket");
      const socket = connect(WebSocket, await addressOf(props, jobId, signal));
      const inbox = new Inbox<ServerFrame>(CAPACITY);
      let cursor = after;
      let isOpen = false;
      let isClosed = false;
      let heardMs = performance.now();
      let newsMs = heardMs;
      const send = (frame: object): void => {
        if (isOpen) socket.send(JSON.stringify(frame));
      };
      const subscribe = (): void => send({ type: "subscribe", id: SUBSCRIPTION, jobId, after: cursor });
      let cutting: ReturnType<typeof setTimeout> | undefined;
      const close = (): void => {
        isOpen = false;
        if (isClosed) return;
        socket.close(NORMAL_CLOSURE);
        if (socket.terminate !== undefined) cutting ??= setTimeout(() => socket.terminate?.(), CLOSING_MS);
      };
      const stop = (): void => {
        inbox.end(signal.reason);
        close();
      };
      const keepAlive = (): void => {
        const nowMs = performance.now();
        if (nowMs - newsMs >= policy.resubscribeMs) {
          newsMs = nowMs;
          subscribe();
        } else if (nowMs - heardMs >= policy.pingMs) send({ type: "ping" });
      };
      socket.addEventListener("open", () => {
        isOpen = true;
        inbox.push({ type: "opened" });
        subscribe();
      });
      socket.addEventListener("message", ({ data }) => {
        heardMs = performance.now();
        const frame = parsed(data);
        if (frame instanceof Error) inbox.end(frame);
        else {
          if (frame.type === "event") newsMs = heardMs;
          if (inbox.push(frame)) return;
          inbox.end();
        }
        close();
      });
      socket.addEventListener("close", ({ code, reason }) => {
        const how = `${isOpen ? "the WebSocket was closed" : "no WebSocket was opened"}: ${code} ${reason}`.trimEnd();
        isOpen = false;
        isClosed = true;
        clearTimeout(cutting);
        inbox.end(new ConnectionError(how));
      });
      // A close follows, and says more.
      socket.addEventListener("error", () => {});
      signal.addEventListener("abort", stop, { once: true });
      const timer = setInterval(keepAlive, policy.pingMs / 2);
      try {
        for await (const frame of inbox) {
          yield { type: "alive" };
          if (frame.type === "event") {
            yield {
              type: "event",
              event: frame.ref === undefined ? frame.event : await whole(props, frame.event, frame.ref, signal),
            };
            cursor = Math.max(cursor, frame.event.seq);
          } else if (frame.type === "delta") {
            const { stepId, attempt, offset, text } = frame;
            yield { type: "delta", delta: { jobId, stepId, attempt, offset, text } };
          } else if (frame.type === "complete") return yield { type: "end", seq: frame.seq };
          else if (frame.type === "error") throw new SluiceError(frame.problem);
        }
      } finally {
        clearInterval(timer);
        signal.removeEventListener("abort", stop);
        close();
      }
    },
  };
}

/** Pages that may not connect there are told at once. */
function connect(WebSocket: WebSocketConstructor, address: URL): WebSocketLike {
  try {
    return new WebSocket(address.href, PROTOCOL);
  } catch (cause) {
    throw new UnavailableError(`a WebSocket may not connect to ${address.host}`, { cause });
  }
}

/** Where to connect, with a ticket, which is good for one connection. */
async function addressOf({ http, url, ticketOf }: WebSocketProps, jobId: string, signal: AbortSignal): Promise<URL> {
  const ticket = await (ticketOf ? ticketFrom(ticketOf, jobId, signal) : ticketOfServer(http, jobId, signal));
  const { ticket: secret, links } = typeof ticket === "string" ? { ticket, links: undefined } : ticket;
  const address = new URL(url ?? links?.socket ?? "v1/socket", http.base);
  address.protocol = address.protocol.replace(/^http/, "ws");
  address.searchParams.set("ticket", secret);
  return address;
}

async function ticketOfServer(http: Http, jobId: string, signal: AbortSignal) {
  try {
    return (await http.once<Ticket>(ticketRequest(jobId, { signal }))).body;
  } catch (error) {
    // Whether there is no such job, the next channel finds out.
    if (error instanceof SluiceError && (error.status === 404 || error.status === 405)) {
      throw new UnavailableError(`the server gives no ticket: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** An event that did not fit into a frame, from the page that has it whole. */
async function whole(
  { http, ticketOf }: WebSocketProps,
  { seq, jobId }: JobEvent,
  ref: string,
  signal: AbortSignal,
): Promise<JobEvent> {
  const query = { ticket: await secretOf(ticketOf, jobId, signal) };
  const { body } = await http.once<{ events: readonly JobEvent[] }>({ path: ref.replace(/^\/+/, ""), query, signal });
  const event = body.events.find((found) => found.seq === seq);
  if (event === undefined) throw new ConnectionError(`${ref} does not have event ${seq}`);
  return event;
}

function parsed(data: unknown): ServerFrame | ConnectionError {
  try {
    return JSON.parse(String(data)) as ServerFrame;
  } catch (error) {
    return new ConnectionError("a frame is not JSON", { cause: error });
  }
}
