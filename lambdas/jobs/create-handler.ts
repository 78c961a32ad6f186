import { routes } from "../../src/contract/routes.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type HttpHandler, httpHandler } from "../http-handler.ts";
import { getJob, listJobs } from "./jobs.ts";

/** Serves both routes: the list, and one job. */
export function createHandler(runtime: Runtime): HttpHandler {
  const list = httpHandler(
    routes.listJobs,
    async ({ tenant, query }) => ({ body: await listJobs(tenant, query, runtime) }),
    runtime.logger,
  );
  const get = httpHandler(
    routes.getJob,
    async ({ tenant, parameters }) => ({ body: await getJob(tenant, parameters.jobId, runtime) }),
    runtime.logger,
  );
  return (event, context) => (event.resource === routes.getJob.path ? get : list)(event, context);
}
