import { randomUUID } from "node:crypto";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { routes } from "../../src/contract/routes.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { errorKeys } from "../error-keys.ts";
import { type HttpHandler, httpHandler, type Reply } from "../http-handler.ts";
import { getJob } from "../jobs/jobs.ts";
import { takePlace } from "../places.ts";
import { accepted, ended, unquoted } from "./accepted.ts";
import { awaitEnd } from "./await-end.ts";
import { preferredWaitS } from "./prefer.ts";
import { withPolicy } from "./rate-limit-headers.ts";
import { type Submitted, submit } from "./submit.ts";

/** After so long a caller counts no more as one that waits. */
const PLACE_MS = 60_000;

export function createHandler(runtime: Runtime): HttpHandler {
  const handler = httpHandler(
    routes.submit,
    async ({ tenant, body, headers, basePath, traceparent }) => {
      const idempotencyKey = unquoted(headers["Idempotency-Key"]);
      const submitted = await submit({ tenant, request: body, idempotencyKey, traceparent }, runtime);
      const waitS = preferredWaitS(headers.Prefer);
      const now = accepted(submitted, basePath);
      if (waitS === undefined) return now;
      return { ...now, later: (signal) => waited({ tenant, submitted, basePath, waitS, signal, now }, runtime) };
    },
    runtime,
  );
  return withPolicy(handler, runtime.app);
}

interface Waiting {
  readonly tenant: TenantId;
  readonly submitted: Submitted;
  readonly basePath: string;
  readonly waitS: number;
  readonly signal: AbortSignal;
  /** The answer without waiting. */
  readonly now: Reply;
}

/** The job was accepted: whatever becomes of the wait, it is answered. */
async function waited({ tenant, submitted, basePath, waitS, signal, now }: Waiting, runtime: Runtime): Promise<Reply> {
  const { limits, readers, logger } = runtime;
  const places = { limits, most: readers.waits, heldMs: PLACE_MS };
  const jobId = submitted.job.id as JobId;
  const applied = { "preference-applied": `wait=${waitS}` };
  let leave: (() => void) | undefined;
  try {
    leave = await takePlace("waits", randomUUID(), { ...runtime, places });
    if (leave === undefined) return now;
    const awaited = { tenant, jobId, seq: submitted.job.seq };
    if (!(await awaitEnd(awaited, waitS * 1_000, signal, runtime))) {
      return { ...now, headers: { ...now.headers, ...applied } };
    }
    const job = await getJob(tenant, jobId, runtime);
    const reply = ended({ ...submitted, job }, basePath);
    return { ...reply, headers: { ...reply.headers, ...applied } };
  } catch (error) {
    logger.warn("a caller could not wait", { jobId, ...errorKeys(error) });
    return now;
  } finally {
    leave?.();
  }
}
