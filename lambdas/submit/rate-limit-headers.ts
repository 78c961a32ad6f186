import { ProblemError } from "../../src/contract/problem.ts";
import type { RateLeft, RefusalReason, RefusedJobError } from "../../src/core/admission.ts";
import type { App } from "../../src/core/define-app.ts";
import { eachAnswer, type HttpHandler } from "../http-handler.ts";

/**
 * What callers are told of their tenant's limits, as datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers (-10) has
 * it: `RateLimit-Policy` is what is allowed, `RateLimit` what is left of it.
 */

const RATE = "jobs-per-minute";
const IN_FLIGHT = "jobs-in-flight";

/** On every answer of a handler that begins jobs, also where it says that the request is wrong. */
export function withPolicy(handler: HttpHandler, app: App): HttpHandler {
  const policy = policyOf(app);
  if (policy === undefined) return handler;
  return async (event, context) =>
    eachAnswer(await handler(event, context), (answer) => ({
      ...answer,
      headers: { ...answer.headers, "ratelimit-policy": policy },
    }));
}

function policyOf({ tenantLimits: { jobsPerMinute, jobsInFlight } }: App): string | undefined {
  const policies = [
    jobsPerMinute === undefined ? [] : `"${RATE}";q=${jobsPerMinute};w=60`,
    jobsInFlight === undefined ? [] : `"${IN_FLIGHT}";q=${jobsInFlight};qu="concurrent-requests"`,
  ].flat();
  return policies.length === 0 ? undefined : policies.join(", ");
}

export function leftHeader(left: RateLeft | undefined): Readonly<Record<string, string>> {
  return left === undefined ? {} : { ratelimit: `"${RATE}";r=${left.jobs};t=${Math.ceil(left.fullInMs / 1_000)}` };
}

const LIMITS: Readonly<Record<RefusalReason, { title: string; status: 429 | 503; policy?: string }>> = {
  rate: { title: "Too many jobs", status: 429, policy: RATE },
  "in-flight": { title: "Too many jobs in flight", status: 429, policy: IN_FLIGHT },
  backlog: { title: "Backlog too long", status: 503 },
};

/** The answer to a job that must not begin now. */
export function refusal({ reason, retryAfterS, message }: RefusedJobError): ProblemError {
  const { title, status, policy } = LIMITS[reason];
  const detail = `${message}. Nothing was written: send the same again in ${retryAfterS} s`;
  return new ProblemError(
    { title, status, detail },
    {
      "retry-after": String(retryAfterS),
      ...(policy === undefined ? {} : { ratelimit: `"${policy}";r=0;t=${retryAfterS}` }),
    },
  );
}
