import { z } from "zod";
import { ErrorInfo, JobEvent, Usage } from "./events.ts";
import { isJobId, JOB_ID_SHAPE } from "./ids.ts";
import { Json } from "./json.ts";
import { WebhookRequest } from "./webhooks.ts";

/** Bodies and parameters of the HTTP API: what handlers parse, and what the OpenAPI document is made from. */

/** A request body's largest size, in bytes. */
export const MAX_BODY_BYTES = 1_048_576;
/** The longest deadline that a caller may ask for, in ms. */
export const MAX_DEADLINE_MS = 14 * 86_400_000;
/** Events in one answer, whatever is asked for. */
export const MAX_EVENTS = 1_000;

const instant = z.iso.datetime();

/** Whether a workflow has a signal of that name only its definition says. */
export const SignalNameParam = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "must be the name of a signal: lower-case words joined by '-'");

export const JobIdParam = z
  .string()
  .refine(isJobId, { error: (issue) => `got ${JSON.stringify(issue.input)}; a job id is ${JOB_ID_SHAPE}` });

export const SubmitRequest = z
  .strictObject({
    workflow: z.string().min(1),
    input: Json,
    options: z
      .strictObject({
        deadlineMs: z
          .number()
          .int()
          .min(1_000)
          .max(MAX_DEADLINE_MS)
          .optional()
          .describe("The job expires when it has not ended after this time, in ms, from its start on"),
        startAt: z.iso
          .datetime({ offset: true })
          .optional()
          .describe(
            "No step starts before this time, in UTC or with an offset; it and the deadline together are at most 14 days away",
          ),
        webhook: WebhookRequest.optional().describe("Is told of this job, besides the tenant's endpoints"),
      })
      .optional(),
  })
  .meta({ id: "SubmitRequest" });
export type SubmitRequest = z.output<typeof SubmitRequest>;

/** Visible ASCII, in quotes or bare (draft-ietf-httpapi-idempotency-key-header). */
export const IdempotencyKey = z
  .string()
  .regex(
    /^("[\x20-\x21\x23-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255})$/,
    "must be 1 to 255 visible ASCII characters, bare or in double quotes",
  );

/** RFC 7240, of which `wait` is heeded; what is malformed is ignored, as there. */
export const Prefer = z
  .string()
  .describe(
    "`wait=N`: the answer waits for the job's end, at most N s, and at most 25. `respond-async` is the default",
  );

/** The longest that an answer waits for its job's end, in s. */
export const MAX_WAIT_S = 25;

const preferenceApplied = z
  .string()
  .optional()
  .describe("`wait=N`: the answer waited, or would have. Missing where too many wait already");

/** Of the answer to a submission. */
export const AcceptedHeaders = z.object({
  Location: z.string().describe("Where to look for the job"),
  "Retry-After": z.string().describe("Seconds after which a first look is worthwhile"),
  "RateLimit-Policy": z
    .string()
    .optional()
    .describe("Where the tenant's jobs are limited: what is allowed (draft-ietf-httpapi-ratelimit-headers)"),
  RateLimit: z.string().optional().describe("Where jobs a minute are limited: what is left of them"),
  "Idempotency-Replayed": z.literal("true").optional().describe("The Idempotency-Key was used before: this is its job"),
});

/** Of the answer to a submission that may wait. */
export const WaitedHeaders = AcceptedHeaders.extend({ "Preference-Applied": preferenceApplied });

/** Of a refusal that is over in a while. */
export const RefusedHeaders = AcceptedHeaders.pick({ "RateLimit-Policy": true, RateLimit: true }).extend({
  "Retry-After": z.string().describe("Seconds after which the same request is worthwhile"),
});

export const AttemptView = z
  .object({
    attempt: z.number().int(),
    outcome: z
      .enum(["running", "completed", "failed", "in-doubt", "abandoned"])
      .describe("in-doubt: a crash left it without an outcome. abandoned: its job ended meanwhile"),
    startedAt: instant,
    endedAt: instant.optional(),
    error: ErrorInfo.optional(),
  })
  .meta({ id: "Attempt" });

export const StepView = z
  .object({
    id: z.string(),
    capability: z.string(),
    status: z
      .enum(["requested", "running", "retrying", "completed", "failed", "dead-lettered", "abandoned"])
      .describe("abandoned: it had no answer when its job ended, and will have none"),
    requestedAt: instant,
    retryAt: instant.optional(),
    error: ErrorInfo.optional(),
    deadLetterSeq: z.number().int().optional().describe("Of the event that gave it up, while it waits for a person"),
    attempts: z.array(AttemptView),
  })
  .meta({ id: "Step" });

export const JobStatusView = z.enum(["running", "dead-lettered", "completed", "failed", "expired", "cancelled"]).meta({
  id: "JobStatus",
  description: "`dead-lettered`: a step or the workflow waits for a person; the job has not ended.",
});

const links = z.object({ self: z.string(), events: z.string() });

export const SignalView = z
  .object({
    name: z.string(),
    status: z.enum(["awaited", "received"]),
    receivedAt: instant.optional(),
  })
  .meta({ id: "Signal" });

export const TimerView = z.object({ id: z.string(), fireAt: instant, fired: z.boolean() }).meta({ id: "Timer" });

export const JobView = z
  .object({
    id: z.string(),
    workflow: z.string(),
    status: JobStatusView,
    createdAt: instant,
    updatedAt: instant,
    deadline: instant,
    startAt: instant.optional(),
    forkedFrom: z.object({ jobId: z.string(), seq: z.number().int() }).optional(),
    seq: z.number().int().describe("Of the log's last event"),
    result: Json.optional().describe("The workflow's output, once completed"),
    error: ErrorInfo.optional(),
    usage: Usage.describe("Sum over all steps; costUsd is missing where the app states no price"),
    usageInDoubt: Usage.optional().describe("What calls that a crash left without an outcome may have used besides"),
    inputDrift: z.array(z.string()).optional(),
    steps: z.array(StepView),
    timers: z.array(TimerView).optional(),
    signals: z.array(SignalView).optional().describe("Those that it waits for, and those that came"),
    links,
  })
  .meta({ id: "Job" });
export type JobView = z.infer<typeof JobView>;

/** Why a person does it, for the record. */
const Reason = z.string().min(1).max(500);
const optionalReason = Reason.optional().describe("For the record");
const StepId = z.string().min(1).max(200);

export const CancelRequest = z.strictObject({ reason: optionalReason }).meta({ id: "CancelRequest" });

export const SignalRequest = z
  .strictObject({
    payload: Json.optional().describe("What the workflow's schema for this signal takes"),
    reason: optionalReason,
  })
  .meta({ id: "SignalRequest" });
export type SignalRequest = z.output<typeof SignalRequest>;

/** It takes nothing: what is sent all the same is refused. */
export const NoBody = z.strictObject({}).meta({ id: "NoBody" });

/** Which dead letters of a job are meant. */
const deadLetter = {
  stepId: StepId.optional().describe(
    "Only this step; `@advance` is the workflow itself. Without it, all that wait, but none that was redriven and still waits for its turn",
  ),
  seq: z
    .number()
    .int()
    .positive()
    .optional()
    .describe("Only if it is this dead letter: a repeat of the request then does nothing more"),
  asOf: z
    .number()
    .int()
    .positive()
    .optional()
    .describe("The job's `seq` as it was seen: what was given up later is left alone, so a repeat does nothing more"),
};

export const RedriveRequest = z
  .strictObject({
    ...deadLetter,
    input: Json.optional().describe("In the place of the step's recorded input; needs stepId"),
    result: Json.optional().describe("Answers the step by hand: the job goes on with what follows; needs stepId"),
    reason: optionalReason,
  })
  .refine(({ stepId, input, result }) => stepId !== undefined || (input === undefined && result === undefined), {
    path: ["stepId"],
    error: "must be given together with input or result",
  })
  .refine(({ input, result }) => input === undefined || result === undefined, {
    path: ["result"],
    error: "must not be given together with input",
  })
  .meta({ id: "RedriveRequest" });
export type RedriveRequest = z.output<typeof RedriveRequest>;

export const DiscardRequest = z
  .strictObject({ ...deadLetter, reason: Reason.describe("For the record, and for the workflow") })
  .meta({ id: "DiscardRequest" });
export type DiscardRequest = z.output<typeof DiscardRequest>;

export const ForkRequest = z
  .strictObject({
    after: StepId.optional().describe(
      "A completed step: what answered steps up to its result is kept, in the order of the log, also failures that the workflow has seen. Without it, nothing",
    ),
    input: Json.optional().describe("In the place of the old job's input"),
    options: SubmitRequest.shape.options,
  })
  .meta({ id: "ForkRequest" });
export type ForkRequest = z.output<typeof ForkRequest>;

export const Redelivered = z
  .object({ announced: z.number().int().describe("Messages published again, each marked as redelivered") })
  .meta({ id: "Redelivered" });

export const DeadLetterView = z
  .object({
    jobId: z.string(),
    workflow: z.string(),
    stepId: z.string(),
    capability: z.string(),
    seq: z.number().int().describe("Of the event that gave it up; pass it to redrive"),
    at: instant,
    attempts: z.array(AttemptView).describe("The last 10; the job has them all"),
    error: ErrorInfo.optional(),
    input: Json.optional().describe("Left out where it is larger than 4 KB as JSON"),
    inputBytes: z.number().int().optional().describe("Where the input was left out: its size as JSON, in bytes"),
    usage: Usage.describe("Of the job so far"),
    deadline: instant.describe("Until then it can be redriven; after that, fork the job"),
    links: links.extend({
      input: z.string().optional().describe("Where the input was left out: the event that has it whole"),
    }),
  })
  .meta({ id: "DeadLetter" });
export type DeadLetterView = z.infer<typeof DeadLetterView>;

export const DeadLetterList = z
  .object({ deadLetters: z.array(DeadLetterView), next: z.string().optional() })
  .meta({ id: "DeadLetterList" });

/** Which of a tenant's dead letters are meant. */
const deadLetterFilter = {
  workflow: z.string().min(1).optional(),
  capability: z.string().min(1).optional(),
  error: z.string().min(1).optional().describe("The name of the error, such as `TimeoutError`"),
};

/** Dead letters that one request redrives at most. */
export const MAX_REDRIVE = 200;

export const RedriveAllRequest = z
  .strictObject({
    ...deadLetterFilter,
    limit: z.number().int().min(1).max(MAX_REDRIVE).default(50).describe("Dead letters that are tried at most"),
    ratePerSecond: z
      .number()
      .min(0.01)
      .max(1_000)
      .default(10)
      .describe("They start one after the other at this rate, also from one answer to the next"),
    cursor: z.string().min(1).optional().describe("`next` of an earlier answer: goes on after those that it scheduled"),
    reason: optionalReason,
  })
  .meta({ id: "RedriveAllRequest" });
export type RedriveAllRequest = z.output<typeof RedriveAllRequest>;

export const RedrivenList = z
  .object({
    redriven: z.array(z.object({ jobId: z.string(), stepId: z.string(), notBefore: instant })),
    failed: z
      .array(z.object({ jobId: z.string(), stepId: z.string(), status: z.number().int(), detail: z.string() }))
      .describe(
        "Not redriven, and why, as `redrive` would say it. After a 503 nothing more was tried: `next` begins there",
      ),
    inDoubt: z
      .number()
      .int()
      .describe(
        "Left to wait: nothing says whether their last call was made. Decide on each by `redrive`, or all with the error `InDoubtError` by the filter",
      ),
    next: z.string().optional().describe("There may be more: pass it as `cursor`"),
  })
  .meta({ id: "RedrivenList" });
export type RedrivenList = z.infer<typeof RedrivenList>;

export const JobSummary = z
  .object({ id: z.string(), workflow: z.string(), status: JobStatusView, createdAt: instant, links })
  .meta({ id: "JobSummary" });
export type JobSummary = z.infer<typeof JobSummary>;

const limit = (most: number, usual: number) =>
  z
    .string()
    .regex(/^\d{1,4}$/, `must be a whole number from 1 to ${most}`)
    .transform(Number)
    .pipe(z.number().int().min(1).max(most))
    .default(usual);

export const ListJobsQuery = z.strictObject({
  status: JobStatusView.optional(),
  workflow: z.string().min(1).optional(),
  cursor: z.string().min(1).optional().describe("`next` of an earlier page"),
  limit: limit(100, 20),
});

export const JobList = z.object({ jobs: z.array(JobSummary), next: z.string().optional() }).meta({ id: "JobList" });

export const ListDeadLettersQuery = z.strictObject({
  ...deadLetterFilter,
  cursor: z.string().min(1).optional().describe("`next` of an earlier page"),
  limit: limit(100, 20).describe(
    "Dead letters at most. A page has fewer, or none, where the filter leaves few or they are large",
  ),
});

const cursor = z
  .string()
  .regex(/^\d{1,10}$/, "must be a seq: a whole number from 0")
  .transform(Number)
  .pipe(z.number().int());

/** Where a reader of server-sent events goes on; `""` where it has none yet. */
export const LastEventId = z
  .union([z.literal("").transform(() => undefined), cursor], "must be a seq: a whole number from 0")
  .describe("Of server-sent events: the `id` of the last event that was read. Wins over `after`");

export const EventsQuery = z.strictObject({
  after: cursor.default(0).describe("Events with a greater seq are returned"),
  limit: limit(MAX_EVENTS, 200),
  ticket: z.string().min(1).optional().describe("In the place of a key; see POST /v1/tickets"),
});

export const EventPage = z
  .object({
    events: z.array(JobEvent),
    next: z.number().int().describe("Pass it as `after` to go on"),
    ended: z.boolean().describe("The last event of this page is the log's terminal event"),
  })
  .meta({ id: "EventPage" });
export type EventPage = z.infer<typeof EventPage>;

export const NoQuery = z.strictObject({});

export const CapabilityView = z
  .object({
    name: z.string(),
    description: z.string(),
    ready: z.number().int().describe("Messages that wait for a worker"),
    delayed: z.number().int(),
    inFlight: z.number().int(),
    deadLetters: z.number().int(),
    oldestAgeMs: z.number().optional().describe("Age of the oldest ready message, where the queue tells"),
    drainedPerSecond: z
      .number()
      .optional()
      .describe("Messages done a second, as measured in about the last minute while there were any"),
    maxBacklog: z
      .number()
      .int()
      .optional()
      .describe("While so many wait, ready or delayed, new jobs that need it get 503"),
    concurrency: z.number().int(),
    timeoutMs: z.number().int(),
    maxAttempts: z.number().int(),
  })
  .meta({ id: "Capability" });

export const ProviderView = z
  .object({
    name: z.string().describe("Such as `openai:gpt-5`"),
    state: z
      .enum(["closed", "open", "half-open"])
      .describe("Of its circuit. open: its steps wait, at no cost in attempts"),
    failures: z.number().int().describe("In a row"),
    openUntil: instant.optional().describe("When the next call probes"),
    requestsPerMinute: z.number().optional(),
    tokensPerMinute: z.number().optional(),
  })
  .meta({ id: "Provider" });

export const CapabilityList = z
  .object({
    capabilities: z.array(CapabilityView),
    workflows: z.array(
      z.object({
        name: z.string(),
        description: z.string(),
        input: Json.describe("JSON Schema"),
        signals: z
          .record(z.string(), Json)
          .optional()
          .describe("JSON Schemas of what may be sent to its running jobs, by name"),
      }),
    ),
    tenantLimits: z
      .object({
        jobsPerMinute: z.number().int().optional(),
        jobsInFlight: z.number().int().optional().describe("Jobs that have not ended and wait for no person"),
      })
      .describe("Of each tenant; beyond them, submissions get 429"),
    providers: z
      .array(ProviderView)
      .describe("Those with a rate, and those that were called from here or are in trouble"),
    model: z.string(),
  })
  .meta({ id: "CapabilityList" });
export type CapabilityList = z.infer<typeof CapabilityList>;

export const Health = z.object({ status: z.literal("ok") }).meta({ id: "Health" });
