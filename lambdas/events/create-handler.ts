import { routes } from "../../src/contract/routes.ts";
import type { JobStores } from "../../src/core/read-job.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type HttpHandler, httpHandler } from "../http-handler.ts";
import { getEvents } from "./events.ts";

export function createHandler(runtime: JobStores & Pick<Runtime, "logger">): HttpHandler {
  return httpHandler(
    routes.getEvents,
    async ({ tenant, parameters, query }) => ({ body: await getEvents(tenant, parameters.jobId, query, runtime) }),
    runtime,
  );
}
