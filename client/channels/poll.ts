import type { Http } from "../http.ts";
import type { RetryPolicy } from "../retry.ts";
import { pause } from "../scope.ts";
import type { JobEvent } from "../wire.ts";
import type { Channel, Frame } from "./channel.ts";

/** Events in a page at most: as many as the server hands out. */
const PAGE = 1_000;

interface EventPage {
  readonly events: readonly JobEvent[];
  readonly next: number;
  readonly ended: boolean;
}

/** Looks at the log again and again: soon after something happened, less often while nothing does. */
export function pollChannel(http: Http, policy: RetryPolicy): Channel {
  return {
    name: "poll",
    async *open(jobId, after, signal): AsyncGenerator<Frame> {
      let cursor = after;
      let waitMs = policy.pollMs;
      for (;;) {
        const { body } = await http.once<EventPage>({
          path: `v1/jobs/${encodeURIComponent(jobId)}/events`,
          query: { after: cursor, limit: PAGE },
          signal,
        });
        yield { type: "alive" };
        for (const event of body.events) yield { type: "event", event };
        if (body.ended) return yield { type: "end", seq: body.next };
        if (body.events.length > 0) waitMs = policy.pollMs;
        cursor = body.next;
        await pause(waitMs, signal);
        waitMs = Math.min(waitMs * 1.5, policy.maxPollMs);
      }
    },
  };
}
