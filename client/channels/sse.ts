import { createParser, type EventSourceMessage } from "eventsource-parser";
import { ConnectionError, UnavailableError } from "../errors.ts";
import { type Http, reasonOf } from "../http.ts";
import { secretOf, type TicketSource } from "../tickets.ts";
import type { Delta, JobEvent } from "../wire.ts";
import type { Channel, Frame } from "./channel.ts";

/** One answer that goes on for as long as the job does (server-sent events), read by `fetch`, so that a key can go with it. */
export function sseChannel(http: Http, ticketOf: TicketSource | undefined): Channel {
  return {
    name: "sse",
    async *open(jobId, after, signal): AsyncGenerator<Frame> {
      const response = await http.open({
        path: `v1/jobs/${encodeURIComponent(jobId)}/events`,
        query: { after: after === 0 ? undefined : after, ticket: await secretOf(ticketOf, jobId, signal) },
        headers: { accept: "text/event-stream", ...(after > 0 && { "last-event-id": String(after) }) },
        signal,
      });
      if (response.status === 204) return yield { type: "end" };
      const type = response.headers.get("content-type") ?? "no media type";
      if (response.body === null || !/^text\/event-stream\b/i.test(type)) {
        await response.body?.cancel();
        throw new UnavailableError(`the server answered ${type}, not text/event-stream`);
      }
      yield { type: "alive" };
      yield* framesOf(response.body, signal);
    },
  };
}

async function* framesOf(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Frame> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let ready: Frame[] = [];
  const parser = createParser({ onEvent: (message) => ready.push(frameOf(message)) });
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw reasonOf(error, signal);
      });
      // What is not followed by an empty line was cut off: it comes again.
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      const frames = ready;
      ready = [];
      yield { type: "alive" };
      yield* frames;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function frameOf({ event, data }: EventSourceMessage): Frame {
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch (error) {
    throw new ConnectionError("an event is not JSON", { cause: error });
  }
  return event === "delta" ? { type: "delta", delta: parsed as Delta } : { type: "event", event: parsed as JobEvent };
}
