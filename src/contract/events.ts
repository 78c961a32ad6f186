import { z } from "zod";
import type { CommitId, JobId, TenantId } from "./ids.ts";
import { Json } from "./json.ts";

/**
 * The facts that a job's log can hold. This is their one definition: the types, the OpenAPI document and the
 * checks of the tests are made from it. A change that an older reader would misread gets a new
 * {@link EVENT_SCHEMA_VERSION}; a new optional field or a new type does not.
 */
export const EVENT_SCHEMA_VERSION = 1;

/** Why something failed, without stack traces: it is read by the job's owner. */
export interface ErrorInfo {
  /** A class of error, such as `TimeoutError`. */
  readonly name: string;
  readonly message: string;
  /** Data for programs: violations of a schema, a provider's status code. */
  readonly detail?: Json;
  readonly cause?: ErrorInfo;
}

export const ErrorInfo: z.ZodType<ErrorInfo> = z
  .object({
    name: z.string(),
    message: z.string(),
    detail: Json.optional(),
    get cause() {
      return ErrorInfo.optional();
    },
  })
  .meta({ id: "ErrorInfo", description: "Why something failed." });

/** What a model call used. `costUsd` is there only where the app states a price. */
export const Usage = z
  .object({
    model: z.string().optional(),
    inputTokens: z.number().int().nonnegative().optional(),
    outputTokens: z.number().int().nonnegative().optional(),
    costUsd: z.number().nonnegative().optional(),
  })
  .meta({ id: "Usage", description: "Tokens and, where a price is configured, US dollars." });
export type Usage = z.infer<typeof Usage>;

/** Where a value too large for its commit was put (the claim-check pattern). */
export const BlobRef = z.object({
  key: z.string(),
  bytes: z.number().int().nonnegative().describe("Size of the JSON text in UTF-8"),
  sha256: z.string(),
});
export type BlobRef = z.infer<typeof BlobRef>;

const refs = z
  .record(z.string(), BlobRef)
  .optional()
  .describe("Fields of this event that are kept in the blob store because of their size");
const step = { stepId: z.string(), capability: z.string() };
const attempt = z.number().int().positive().describe("Counts up for the life of the step, also after a redrive");
/** 0: before the first. */
const lastAttempt = z.number().int().nonnegative();
const instant = z.iso.datetime();
const reason = z.string().optional().describe("What the person who asked for it gave as reason");

const byFork = z.literal("fork").optional().describe("Kept from the job that this one is a fork of");

const submitted = z.object({
  type: z.literal("job.submitted"),
  workflow: z.string(),
  input: Json.optional(),
  digest: z.string().describe("SHA-256 of the submitted payload: tells a repeat from another use of one key"),
  deadline: instant,
  expires: instant.describe("When the log is deleted: deadline and retention"),
  traceparent: z.string().optional().describe("W3C Trace Context of the submission"),
  startAt: instant.optional().describe("No step starts before"),
  forkedFrom: z
    .object({ jobId: z.string(), seq: z.number().int().positive() })
    .optional()
    .describe("The job whose log, up to this seq, this one's results were taken from"),
  webhooks: z
    .array(
      z.object({
        webhook: z.string().describe("`own`, or the id of an endpoint, which says where it is sent"),
        url: z.string().optional().describe("Of the job's own"),
        events: z.array(z.string()),
      }),
    )
    .optional()
    .describe("Whom this job's events are told by webhooks, and which"),
  refs,
});
const jobCompleted = z.object({
  type: z.literal("job.completed"),
  output: Json.optional(),
  inputDrift: z
    .array(z.string())
    .optional()
    .describe("Steps whose recorded input differs from what the workflow's code asks for today"),
  refs,
});
const jobFailed = z.object({ type: z.literal("job.failed"), error: ErrorInfo });
const jobExpired = z.object({ type: z.literal("job.expired"), deadline: instant });
const jobCancelled = z.object({ type: z.literal("job.cancelled"), reason });
const stepRequested = z.object({ type: z.literal("step.requested"), ...step, input: Json.optional(), refs });
const stepStarted = z.object({
  type: z.literal("step.started"),
  ...step,
  attempt,
  lease: z.object({ holder: z.string(), until: instant }),
});
const stepProgress = z.object({
  type: z.literal("step.progress"),
  ...step,
  attempt,
  offset: z.number().int().nonnegative().describe("Characters streamed by this attempt before this chunk"),
  text: z.string().optional(),
  leaseUntil: instant,
  keptAs: z.string().optional().describe("The id under which the provider keeps this attempt's answer"),
  final: z.boolean().optional().describe("The stream has ended: what was streamed is the whole of it"),
  output: Json.optional().describe("With final: what the capability returned, before any check of it"),
  usage: Usage.optional(),
  refs,
});
const stepCompleted = z.object({
  type: z.literal("step.completed"),
  ...step,
  attempt: lastAttempt,
  result: Json.optional(),
  by: z.enum(["person", "fork"]).optional().describe("Where no attempt gave the result"),
  reason,
  usage: Usage.optional(),
  refs,
});
const stepFailed = z.object({
  type: z.literal("step.failed"),
  ...step,
  attempt: lastAttempt.describe("The one that failed; 0 for a failure that a fork has kept"),
  by: byFork,
  error: ErrorInfo,
  counts: z.boolean().describe("false: throttling or an outage, which costs no attempt"),
  final: z.boolean().describe("true: no further attempt is made"),
  retryAt: instant.optional(),
  output: Json.optional().describe("What the capability returned, where its own schema forbids it"),
  usage: Usage.optional(),
  refs,
});
const stepInDoubt = z.object({
  type: z.literal("step.in_doubt"),
  ...step,
  attempt,
  policy: z
    .enum(["reattach", "rerun", "hold"])
    .describe("What the capability does with a call whose outcome is unknown"),
  streamed: z.number().int().nonnegative().optional().describe("Characters of its output that are on record"),
  estimate: Usage.optional().describe("What the lost call may have used, by the capability's own estimate"),
});
const stepDeadLettered = z.object({
  type: z.literal("step.dead_lettered"),
  ...step,
  attempt: lastAttempt,
  error: ErrorInfo,
});
const stepRedriven = z.object({
  type: z.literal("step.redriven"),
  ...step,
  base: lastAttempt.describe("The last attempt so far: the retry policy counts from here, attempt numbers go on"),
  by: z.enum(["api", "queue"]).describe("queue: its message was moved from the dead letters back to the queue"),
  notBefore: instant.optional(),
  input: Json.optional().describe("In the place of the recorded input"),
  reason,
  refs,
});
const stepDiscarded = z.object({
  type: z.literal("step.discarded"),
  ...step,
  attempt: lastAttempt,
  by: byFork,
  reason: z.string(),
  cause: ErrorInfo.optional().describe("In a fork: what had gone wrong. Else the step's own dead letter says it"),
});
const timerSet = z.object({ type: z.literal("timer.set"), timerId: z.string(), fireAt: instant });
const timerFired = z.object({ type: z.literal("timer.fired"), timerId: z.string() });
const signalRequested = z.object({
  type: z.literal("signal.requested"),
  signal: z.string().describe("Its name: the workflow waits for it from now on"),
});
const signalReceived = z.object({
  type: z.literal("signal.received"),
  signal: z.string(),
  payload: Json.optional(),
  by: byFork,
  reason,
  refs,
});
const valueRecorded = z.object({ type: z.literal("value.recorded"), valueId: z.string(), value: Json });

/** An event as its commit holds it: without the fields that it shares with its neighbours. */
export const EventBody = z.discriminatedUnion("type", [
  submitted,
  jobCompleted,
  jobFailed,
  jobExpired,
  jobCancelled,
  stepRequested,
  stepStarted,
  stepProgress,
  stepCompleted,
  stepFailed,
  stepInDoubt,
  stepDeadLettered,
  stepRedriven,
  stepDiscarded,
  valueRecorded,
  timerSet,
  timerFired,
  signalRequested,
  signalReceived,
]);
export type EventBody = z.infer<typeof EventBody>;
export type EventType = EventBody["type"];
export type EventOf<T extends EventType> = Extract<EventBody, { type: T }>;

/** Events after which nothing may follow (invariant 1). */
export const TERMINAL_EVENTS = [
  "job.completed",
  "job.failed",
  "job.expired",
  "job.cancelled",
] as const satisfies EventType[];

export function isTerminal(event: EventBody): event is EventOf<(typeof TERMINAL_EVENTS)[number]> {
  return (TERMINAL_EVENTS as readonly string[]).includes(event.type);
}

/** An event as readers see it on every channel. */
export const JobEvent = z
  .intersection(
    z.object({
      seq: z.number().int().positive().describe("1, 2, 3 … without gaps: the cursor of every channel"),
      jobId: z.string(),
      tenant: z.string(),
      time: instant,
    }),
    EventBody,
  )
  .meta({ id: "JobEvent", description: "An immutable fact in a job's log." });
export type JobEvent = EventBody & {
  readonly seq: number;
  readonly jobId: JobId;
  readonly tenant: TenantId;
  readonly time: string;
};

/** One atomic append: events `firstSeq`, `firstSeq + 1`, … of one job. */
export interface Commit {
  readonly jobId: JobId;
  readonly tenant: TenantId;
  readonly firstSeq: number;
  readonly commitId: CommitId;
  /** Which deployment wrote it; grows with each deployment, also with a rollback. */
  readonly deploySeq: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  /** A snapshot of the job up to this seq was there before this commit was written. */
  readonly snapshotSeq?: number;
  readonly events: readonly EventBody[];
}

export const lastSeq = (commit: Commit): number => commit.firstSeq + commit.events.length - 1;

/** The events of a commit as readers see them. */
export function eventsOf(commit: Commit): JobEvent[] {
  const { jobId, tenant, time, firstSeq } = commit;
  return commit.events.map((event, index) => ({ seq: firstSeq + index, jobId, tenant, time, ...event }));
}
