import { routes } from "../../src/contract/routes.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type HttpHandler, httpHandler } from "../http-handler.ts";
import { linkedFrom } from "../jobs/jobs.ts";
import { submit } from "./submit.ts";

/** Seconds after which a first look at a job is worthwhile. */
const RETRY_AFTER_S = "1";

export function createHandler(runtime: Runtime): HttpHandler {
  return httpHandler(
    routes.submit,
    async ({ tenant, body, headers, basePath, traceparent }) => {
      const key = headers["Idempotency-Key"];
      const { job: accepted, created } = await submit(
        { tenant, request: body, idempotencyKey: unquoted(key), traceparent },
        runtime,
      );
      const job = linkedFrom(basePath, accepted);
      return {
        body: job,
        headers: {
          location: job.links.self,
          "retry-after": RETRY_AFTER_S,
          ...(created ? {} : { "idempotency-replayed": "true" }),
        },
      };
    },
    runtime,
  );
}

const unquoted = (key: string | undefined): string | undefined => key?.replace(/^"(.*)"$/, "$1");
