import type { JobView } from "../../src/contract/api.ts";
import { linkedFrom } from "../jobs/jobs.ts";
import { leftHeader } from "./rate-limit-headers.ts";
import type { Submitted } from "./submit.ts";

/** Seconds after which a first look at a job is worthwhile. */
const RETRY_AFTER_S = "1";

interface JobReply {
  readonly status?: number;
  readonly body: JobView;
  readonly headers: Readonly<Record<string, string>>;
}

/** The answer to a submission. */
export function accepted(submitted: Submitted, basePath: string): JobReply {
  const { body, headers } = withJob(submitted, basePath);
  return { body, headers: { ...headers, "retry-after": RETRY_AFTER_S } };
}

/** The answer to a submission whose caller has waited for the job's end. */
export function ended(submitted: Submitted, basePath: string): JobReply {
  return { status: 200, ...withJob(submitted, basePath) };
}

function withJob({ job, created, left }: Submitted, basePath: string) {
  const body = linkedFrom(basePath, job);
  return {
    body,
    headers: {
      location: body.links.self,
      ...(created ? {} : { "idempotency-replayed": "true" }),
      ...leftHeader(left),
    },
  };
}

/** The key itself: callers may put it in quotes. */
export const unquoted = (key: string | undefined): string | undefined => key?.replace(/^"(.*)"$/, "$1");
