import type { z } from "zod";
import {
  AcceptedHeaders,
  CapabilityList,
  EventPage,
  EventsQuery,
  Health,
  IdempotencyKey,
  JobIdParam,
  JobList,
  JobView,
  ListJobsQuery,
  NoQuery,
  SubmitRequest,
} from "./api.ts";
import { Json } from "./json.ts";

/**
 * The HTTP routes. Everything that must know them reads them here: the embedded server's router, the handlers'
 * checks, the OpenAPI document and the REST API of the CDK construct.
 */
export interface Route {
  readonly operationId: string;
  readonly method: "GET" | "POST";
  /** Path parameters in braces, as API Gateway and OpenAPI write them. */
  readonly path: string;
  readonly summary: string;
  /** The folder under `lambdas/` that serves it. */
  readonly lambda: "submit" | "jobs" | "events" | "capabilities" | "openapi" | "health";
  readonly public?: boolean;
  readonly parameters: Readonly<Record<string, z.ZodType>>;
  readonly query: z.ZodObject;
  readonly headers: Readonly<Record<string, z.ZodType>>;
  readonly body?: z.ZodType;
  readonly success: {
    readonly status: 200 | 202;
    readonly description: string;
    readonly schema: z.ZodType;
    readonly headers?: z.ZodObject;
  };
  /** Problems besides 400, 401, 405, 500 and 503, which every route may answer with. */
  readonly problems: readonly (404 | 410 | 413 | 415 | 422)[];
}

export const routes = {
  submit: {
    operationId: "submitJob",
    method: "POST",
    path: "/v1/jobs",
    summary: "Accepts a job. Answers as soon as it is durable; the work goes on without the caller.",
    lambda: "submit",
    parameters: {},
    query: NoQuery,
    headers: { "Idempotency-Key": IdempotencyKey.optional() },
    body: SubmitRequest,
    success: { status: 202, description: "Accepted, or accepted before.", schema: JobView, headers: AcceptedHeaders },
    problems: [413, 415, 422],
  },
  listJobs: {
    operationId: "listJobs",
    method: "GET",
    path: "/v1/jobs",
    summary: "The tenant's jobs, newest first.",
    lambda: "jobs",
    parameters: {},
    query: ListJobsQuery,
    headers: {},
    success: { status: 200, description: "A page of jobs.", schema: JobList },
    problems: [],
  },
  getJob: {
    operationId: "getJob",
    method: "GET",
    path: "/v1/jobs/{jobId}",
    summary: "One job: status, result, usage, and every step with its attempts.",
    lambda: "jobs",
    parameters: { jobId: JobIdParam },
    query: NoQuery,
    headers: {},
    success: { status: 200, description: "The job.", schema: JobView },
    problems: [404],
  },
  getEvents: {
    operationId: "getJobEvents",
    method: "GET",
    path: "/v1/jobs/{jobId}/events",
    summary: "The job's log from a cursor.",
    lambda: "events",
    parameters: { jobId: JobIdParam },
    query: EventsQuery,
    headers: {},
    success: { status: 200, description: "Events in the order of their seq.", schema: EventPage },
    problems: [404],
  },
  capabilities: {
    operationId: "getCapabilities",
    method: "GET",
    path: "/v1/capabilities",
    summary: "Capabilities with their backlog, and the workflows that can be submitted.",
    lambda: "capabilities",
    parameters: {},
    query: NoQuery,
    headers: {},
    success: { status: 200, description: "What this deployment can do, and how busy it is.", schema: CapabilityList },
    problems: [],
  },
  openapi: {
    operationId: "getOpenApi",
    method: "GET",
    path: "/v1/openapi.json",
    summary: "This document.",
    lambda: "openapi",
    parameters: {},
    query: NoQuery,
    headers: {},
    success: { status: 200, description: "An OpenAPI 3.1 document.", schema: Json },
    problems: [],
  },
  health: {
    operationId: "getHealth",
    method: "GET",
    path: "/healthz",
    summary: "Whether the service answers.",
    lambda: "health",
    public: true,
    parameters: {},
    query: NoQuery,
    headers: {},
    success: { status: 200, description: "It does.", schema: Health },
    problems: [],
  },
} as const satisfies Record<string, Route>;

export const allRoutes: readonly Route[] = Object.values(routes);
