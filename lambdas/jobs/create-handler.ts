import { routes } from "../../src/contract/routes.ts";
import type { JobStores } from "../../src/core/read-job.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type HttpHandler, httpHandler } from "../http-handler.ts";
import { getJob, linkedFrom, listJobs } from "./jobs.ts";

/** Serves both routes: the list, and one job. */
export function createHandler(runtime: JobStores & Pick<Runtime, "index" | "logger">): HttpHandler {
  const list = httpHandler(
    routes.listJobs,
    async ({ tenant, query, basePath }) => {
      const { jobs, ...page } = await listJobs(tenant, query, runtime);
      return { body: { jobs: jobs.map((job) => linkedFrom(basePath, job)), ...page } };
    },
    runtime,
  );
  const get = httpHandler(
    routes.getJob,
    async ({ tenant, parameters, basePath }) => ({
      body: linkedFrom(basePath, await getJob(tenant, parameters.jobId, runtime)),
    }),
    runtime,
  );
  return (event, context) => (event.resource === routes.getJob.path ? get : list)(event, context);
}
