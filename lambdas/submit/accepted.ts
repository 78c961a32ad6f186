import type { JobView } from "../../src/contract/api.ts";
import type { Reply } from "../http-handler.ts";
import { linkedFrom } from "../jobs/jobs.ts";

/** Seconds after which a first look at a job is worthwhile. */
const RETRY_AFTER_S = "1";

/** The answer to a submission. */
export function accepted(
  { job, created }: { readonly job: JobView; readonly created: boolean },
  basePath: string,
): Reply {
  const body = linkedFrom(basePath, job);
  return {
    body,
    headers: {
      location: body.links.self,
      "retry-after": RETRY_AFTER_S,
      ...(created ? {} : { "idempotency-replayed": "true" }),
    },
  };
}

/** The key itself: callers may put it in quotes. */
export const unquoted = (key: string | undefined): string | undefined => key?.replace(/^"(.*)"$/, "$1");
