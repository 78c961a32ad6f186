import { SluiceError } from "../errors.ts";
import type { Http } from "../http.ts";
import type { RetryPolicy } from "../retry.ts";
import { pause } from "../scope.ts";
import { secretOf, type TicketSource } from "../tickets.ts";
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
export function pollChannel(http: Http, policy: RetryPolicy, ticketOf: TicketSource | undefined): Channel {
  return {
    name: "poll",
    async *open(jobId, after, signal): AsyncGenerator<Frame> {
      let cursor = after;
      let waitMs = policy.pollMs;
      let ticket = await secretOf(ticketOf, jobId, signal);
      let isProven = false;
      for (;;) {
        const request = {
          path: `v1/jobs/${encodeURIComponent(jobId)}/events`,
          query: { after: cursor, limit: PAGE, ticket },
          signal,
        };
        let page: EventPage;
        try {
          page = (await http.once<EventPage>(request)).body;
        } catch (error) {
          if (!isProven || !(error instanceof SluiceError && error.status === 401)) throw error;
          // The ticket let in, and has expired since.
          isProven = false;
          ticket = await secretOf(ticketOf, jobId, signal);
          continue;
        }
        isProven = true;
        yield { type: "alive" };
        for (const event of page.events) yield { type: "event", event };
        if (page.ended) return yield { type: "end", seq: page.next };
        if (page.events.length > 0) waitMs = policy.pollMs;
        cursor = page.next;
        await pause(waitMs, signal);
        waitMs = Math.min(waitMs * 1.5, policy.maxPollMs);
      }
    },
  };
}
