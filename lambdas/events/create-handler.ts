import { EVENT_STREAM_MEDIA_TYPE, routes } from "../../src/contract/routes.ts";
import { type HttpHandler, httpHandler, type Reply } from "../http-handler.ts";
import { type EventStreamDeps, type EventStreamRequest, openEventStream } from "./event-stream.ts";
import { getEvents } from "./events.ts";
import { FrameReader } from "./frames.ts";
import { wantsEventStream } from "./wants-event-stream.ts";

/** Serves a page of events, or all of them as they come, as the reader's `Accept` asks. */
export function createHandler(deps: EventStreamDeps): HttpHandler {
  const reader = new FrameReader(deps);
  return httpHandler(
    routes.getEvents,
    async ({ tenant, parameters: { jobId }, query, headers, accept }) => {
      if (wantsEventStream(accept)) {
        return streamed({ tenant, jobId, after: headers["Last-Event-ID"] ?? query.after }, deps, reader);
      }
      return { body: await getEvents(tenant, jobId, query, deps), headers: { vary: "accept" } };
    },
    deps,
  );
}

async function streamed(request: EventStreamRequest, deps: EventStreamDeps, reader: FrameReader): Promise<Reply> {
  const stream = await openEventStream(request, deps, reader);
  if (stream === undefined) return { status: 204, headers: { vary: "accept" } };
  return {
    stream,
    headers: {
      "content-type": EVENT_STREAM_MEDIA_TYPE,
      // A proxy that compresses or gathers what it passes on would hold events back.
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
      vary: "accept",
    },
  };
}
