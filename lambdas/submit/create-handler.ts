import { routes } from "../../src/contract/routes.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type HttpHandler, httpHandler } from "../http-handler.ts";
import { accepted, unquoted } from "./accepted.ts";
import { withPolicy } from "./rate-limit-headers.ts";
import { submit } from "./submit.ts";

export function createHandler(runtime: Runtime): HttpHandler {
  const handler = httpHandler(
    routes.submit,
    async ({ tenant, body, headers, basePath, traceparent }) => {
      const idempotencyKey = unquoted(headers["Idempotency-Key"]);
      return accepted(await submit({ tenant, request: body, idempotencyKey, traceparent }, runtime), basePath);
    },
    runtime,
  );
  return withPolicy(handler, runtime.app);
}
