import { routes } from "../../src/contract/routes.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type HttpHandler, httpHandler } from "../http-handler.ts";
import { linkedFrom } from "../jobs/jobs.ts";
import { listDeadLetters, redriveAll } from "./dead-letters.ts";

/** Serves both routes: the list, and redriving by filter. */
export function createHandler(runtime: Runtime): HttpHandler {
  const list = httpHandler(
    routes.listDeadLetters,
    async ({ tenant, query, basePath }) => {
      const { deadLetters, ...page } = await listDeadLetters(tenant, query, runtime);
      return { body: { deadLetters: deadLetters.map((letter) => linkedFrom(basePath, letter)), ...page } };
    },
    runtime,
  );
  const all = httpHandler(
    routes.redriveAll,
    async ({ tenant, body }) => ({ body: await redriveAll(tenant, body, runtime) }),
    runtime,
  );
  return (event, context) => (event.resource === routes.redriveAll.path ? all : list)(event, context);
}
