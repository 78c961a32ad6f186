import type { Reply } from "../http-handler.ts";
import { linkedFrom } from "../jobs/jobs.ts";
import { leftHeader } from "./rate-limit-headers.ts";
import type { Submitted } from "./submit.ts";

/** Seconds after which a first look at a job is worthwhile. */
const RETRY_AFTER_S = "1";

/** The answer to a submission. */
export function accepted({ job, created, left }: Submitted, basePath: string): Reply {
  const body = linkedFrom(basePath, job);
  return {
    body,
    headers: {
      location: body.links.self,
      "retry-after": RETRY_AFTER_S,
      ...(created ? {} : { "idempotency-replayed": "true" }),
      ...leftHeader(left),
    },
  };
}

/** The key itself: callers may put it in quotes. */
export const unquoted = (key: string | undefined): string | undefined => key?.replace(/^"(.*)"$/, "$1");
