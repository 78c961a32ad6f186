import type { APIGatewayProxyEvent, Context } from "aws-lambda";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { createHandler as createJobs } from "../../../lambdas/jobs/create-handler.ts";
import { createHandler as createOpenApi } from "../../../lambdas/openapi/create-handler.ts";
import { createHandler as createSubmit } from "../../../lambdas/submit/create-handler.ts";
import type { JobList, JobView } from "../../../src/contract/api.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { createRuntime } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";

const flow = defineWorkflow({ name: "flow", input: z.json(), output: z.json(), run: async (_, input) => input });
const app = defineApp({ workflows: [flow], capabilities: [] });
const engine = openEmbeddedEngine({ app, dataDir: undefined, onReady() {}, onError() {} });
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const runtime = createRuntime(engine, { app, resources: {} as Resources, logger });
afterAll(() => engine.close());

test("links lead to jobs from where the caller called: behind a stage of API Gateway, too", async () => {
  const event = (path: string, more: object, base = "/api") =>
    ({
      path,
      headers: { "content-type": "application/json" },
      pathParameters: null,
      ...more,
      requestContext: { requestId: "1", path: base + path, authorizer: { tenant: "acme" } },
    }) as unknown as APIGatewayProxyEvent;
  const body = JSON.stringify({ workflow: "flow", input: 1 });
  const submit = createSubmit(runtime);
  const { headers, body: text } = await submit(event("/v1/jobs", { body }), {} as Context);
  const { id, links } = JSON.parse(text) as z.output<typeof JobView>;
  expect(links).toEqual({ self: `/api/v1/jobs/${id}`, events: `/api/v1/jobs/${id}/events` });
  expect(headers?.location).toBe(links.self);
  const jobs = createJobs(runtime);
  const one = { resource: "/v1/jobs/{jobId}", pathParameters: { jobId: id } };
  const got = await jobs(event(`/v1/jobs/${id}`, one), {} as Context);
  expect(JSON.parse(got.body)).toMatchObject({ links });
  const here = await jobs(event(`/v1/jobs/${id}`, one, ""), {} as Context);
  expect(JSON.parse(here.body)).toMatchObject({ links: { self: `/v1/jobs/${id}` } });
  const list = await jobs(event("/v1/jobs", { resource: "/v1/jobs" }), {} as Context);
  expect((JSON.parse(list.body) as z.output<typeof JobList>).jobs).toMatchObject([{ links }]);
  const document = await createOpenApi({ app, logger })(event("/v1/openapi.json", {}), {} as Context);
  expect(JSON.parse(document.body)).toMatchObject({ servers: [{ url: "/api" }] });
});

test("links begin with the base path that a domain of one's own maps, which API Gateway puts into both paths", async () => {
  const path = "/jobs-api/eu/v1/jobs";
  const event = {
    path,
    resource: "/v1/jobs",
    headers: { "content-type": "application/json" },
    pathParameters: null,
    requestContext: { requestId: "1", path, authorizer: { tenant: "acme" } },
    body: JSON.stringify({ workflow: "flow", input: 1 }),
  } as unknown as APIGatewayProxyEvent;
  const { headers } = await createSubmit(runtime)(event, {} as Context);
  expect(headers?.location).toMatch(/^\/jobs-api\/eu\/v1\/jobs\/job_/);
});
