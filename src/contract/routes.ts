import { z } from "zod";
import {
  AcceptedHeaders,
  CancelRequest,
  CapabilityList,
  DeadLetterList,
  DiscardRequest,
  EventPage,
  EventsQuery,
  ForkRequest,
  Health,
  IdempotencyKey,
  JobIdParam,
  JobList,
  JobView,
  LastEventId,
  ListDeadLettersQuery,
  ListJobsQuery,
  NoBody,
  NoQuery,
  Prefer,
  Redelivered,
  RedriveAllRequest,
  RedrivenList,
  RedriveRequest,
  SignalNameParam,
  SignalRequest,
  SubmitRequest,
  WaitedHeaders,
} from "./api.ts";
import { Json } from "./json.ts";
import { TicketRequest, TicketView } from "./tickets.ts";
import { webhookRoutes } from "./webhook-routes.ts";

/** An answer that is no problem. */
export interface Success {
  readonly status: 200 | 201 | 202 | 204;
  readonly description: string;
  /** @default no body */
  readonly schema?: z.ZodType;
  /** @default application/json */
  readonly mediaType?: string;
  readonly headers?: z.ZodObject;
}

export const EVENT_STREAM_MEDIA_TYPE = "text/event-stream";

/**
 * The HTTP routes. Everything that must know them reads them here: the embedded server's router, the handlers'
 * checks, the OpenAPI document and the REST API of the CDK construct.
 */
export interface Route {
  readonly operationId: string;
  readonly method: "GET" | "POST" | "DELETE";
  /** Path parameters in braces, as API Gateway and OpenAPI write them. */
  readonly path: string;
  readonly summary: string;
  /** The folder under `lambdas/` that serves it. */
  readonly lambda:
    | "submit"
    | "jobs"
    | "events"
    | "commands"
    | "dead-letters"
    | "capabilities"
    | "openapi"
    | "health"
    | "webhook-endpoints"
    | "tickets";
  readonly public?: boolean;
  /** A ticket in the query opens it, too. */
  readonly takesTickets?: boolean;
  readonly parameters: Readonly<Record<string, z.ZodType>>;
  readonly query: z.ZodObject;
  readonly headers: Readonly<Record<string, z.ZodType>>;
  readonly body?: z.ZodType;
  /** The body may be left out: it then is `{}`. */
  readonly bodyOptional?: boolean;
  readonly success: Success & { readonly status: 200 | 201 | 202; readonly schema: z.ZodType };
  /** What it answers besides, where it is asked to. */
  readonly asked?: readonly Success[];
  /** Problems besides 400, 401, 405, 500 and 503, which every route may answer with, and 403, which every request that changes something may. */
  readonly problems: readonly (404 | 409 | 410 | 413 | 415 | 422 | 429)[];
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
    headers: { "Idempotency-Key": IdempotencyKey.optional(), Prefer: Prefer.optional() },
    body: SubmitRequest,
    success: { status: 202, description: "Accepted, or accepted before.", schema: JobView, headers: WaitedHeaders },
    asked: [
      {
        status: 200,
        description: "With `Prefer: wait=N`: the job, which has ended.",
        schema: JobView,
        headers: WaitedHeaders.omit({ "Retry-After": true }),
      },
    ],
    problems: [413, 415, 422, 429],
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
    summary: "The job's log from a cursor: a page of it, or, with `Accept: text/event-stream`, as server-sent events.",
    lambda: "events",
    takesTickets: true,
    parameters: { jobId: JobIdParam },
    query: EventsQuery,
    headers: { "Last-Event-ID": LastEventId.optional() },
    success: { status: 200, description: "Events in the order of their seq.", schema: EventPage },
    asked: [
      {
        status: 200,
        description: "Events in the order of their seq. As `text/event-stream`, those to come included.",
        mediaType: EVENT_STREAM_MEDIA_TYPE,
        schema: z.string(),
      },
      { status: 204, description: "As `text/event-stream`: the reader has the terminal event; nothing follows it." },
    ],
    problems: [404],
  },
  cancel: {
    operationId: "cancelJob",
    method: "POST",
    path: "/v1/jobs/{jobId}/cancel",
    summary: "Ends a job: running calls are stopped, no step starts any more. An ended job stays as it is.",
    lambda: "commands",
    parameters: { jobId: JobIdParam },
    query: NoQuery,
    headers: {},
    body: CancelRequest,
    bodyOptional: true,
    success: { status: 200, description: "The job, which has ended.", schema: JobView },
    problems: [404, 413, 415],
  },
  signal: {
    operationId: "signalJob",
    method: "POST",
    path: "/v1/jobs/{jobId}/signals/{name}",
    summary:
      "Tells a running job what its workflow waits for, or will. The first of a name counts; the same again is harmless.",
    lambda: "commands",
    parameters: { jobId: JobIdParam, name: SignalNameParam },
    query: NoQuery,
    headers: {},
    body: SignalRequest,
    bodyOptional: true,
    success: { status: 200, description: "The job, which has it on record.", schema: JobView },
    problems: [404, 409, 413, 415, 422],
  },
  redrive: {
    operationId: "redriveJob",
    method: "POST",
    path: "/v1/jobs/{jobId}/redrive",
    summary:
      "Tries dead-lettered steps again, with a fresh budget of attempts. Where nothing waits, nothing happens; an input or a result for what does not wait is a 409. With `seq` or `asOf` it may be sent twice.",
    lambda: "commands",
    parameters: { jobId: JobIdParam },
    query: NoQuery,
    headers: {},
    body: RedriveRequest,
    bodyOptional: true,
    success: { status: 200, description: "The job.", schema: JobView },
    problems: [404, 409, 413, 415, 422],
  },
  discard: {
    operationId: "discardDeadLetter",
    method: "POST",
    path: "/v1/jobs/{jobId}/discard",
    summary: "Gives dead-lettered steps up: to the workflow they have failed.",
    lambda: "commands",
    parameters: { jobId: JobIdParam },
    query: NoQuery,
    headers: {},
    body: DiscardRequest,
    success: { status: 200, description: "The job.", schema: JobView },
    problems: [404, 409, 413, 415],
  },
  redeliver: {
    operationId: "redeliverJob",
    method: "POST",
    path: "/v1/jobs/{jobId}/redeliver",
    summary: "Announces what happened in a job once more to whoever listens to topics. No step runs again.",
    lambda: "commands",
    parameters: { jobId: JobIdParam },
    query: NoQuery,
    headers: {},
    body: NoBody,
    bodyOptional: true,
    success: { status: 200, description: "Announced.", schema: Redelivered },
    problems: [404, 413, 415],
  },
  fork: {
    operationId: "forkJob",
    method: "POST",
    path: "/v1/jobs/{jobId}/fork",
    summary: "Begins a new job from an old one, with the results up to a chosen step kept.",
    lambda: "commands",
    parameters: { jobId: JobIdParam },
    query: NoQuery,
    headers: { "Idempotency-Key": IdempotencyKey.optional() },
    body: ForkRequest,
    bodyOptional: true,
    success: { status: 202, description: "The new job, accepted.", schema: JobView, headers: AcceptedHeaders },
    problems: [404, 413, 415, 422, 429],
  },
  listDeadLetters: {
    operationId: "listDeadLetters",
    method: "GET",
    path: "/v1/dead-letters",
    summary: "What waits for a person, with the errors that led there; newest jobs first.",
    lambda: "dead-letters",
    parameters: {},
    query: ListDeadLettersQuery,
    headers: {},
    success: { status: 200, description: "A page of dead letters.", schema: DeadLetterList },
    problems: [],
  },
  redriveAll: {
    operationId: "redriveDeadLetters",
    method: "POST",
    path: "/v1/dead-letters/redrive",
    summary:
      "Tries the dead letters again that a filter names, at a rate. Calls in doubt are left to wait unless its error is `InDoubtError`.",
    lambda: "dead-letters",
    parameters: {},
    query: NoQuery,
    headers: {},
    body: RedriveAllRequest,
    bodyOptional: true,
    success: { status: 200, description: "What was redriven.", schema: RedrivenList },
    problems: [413, 415],
  },
  ...webhookRoutes,
  createTicket: {
    operationId: "createTicket",
    method: "POST",
    path: "/v1/tickets",
    summary: "A ticket for one job's events: for browsers, whose EventSource and WebSocket cannot send a key.",
    lambda: "tickets",
    parameters: {},
    query: NoQuery,
    headers: {},
    body: TicketRequest,
    success: { status: 201, description: "The ticket.", schema: TicketView },
    problems: [404, 413, 415],
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
