import { z } from "zod";
import type { Commit, EventBody } from "../../../src/contract/events.ts";
import { type CommitId, type JobId, jobIdFrom, type TenantId } from "../../../src/contract/ids.ts";
import type { Json } from "../../../src/contract/json.ts";
import { type App, type AppOptions, defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow, type Job } from "../../../src/core/define-workflow.ts";
import { fold } from "../../../src/core/fold.ts";
import { ADVANCE_STEP, type JobState } from "../../../src/core/state.ts";

export const JOB: JobId = jobIdFrom(new Uint8Array(17).fill(7));
export const TENANT = "acme" as TenantId;
export const T0_MS = Date.UTC(2030, 0, 1);
export const at = (ms: number): string => new Date(T0_MS + ms).toISOString();

/** Takes and gives anything. */
export const echo = defineCapability({ name: "echo", input: z.any(), output: z.any(), run: (input) => input });
/** Takes a number, gives its double. */
export const double = defineCapability({
  name: "double",
  input: z.object({ n: z.number(), note: z.string().default("none") }),
  output: z.number(),
  run: ({ n }) => n * 2,
});

type Run = (job: Job, input: { text: string }) => Promise<unknown>;

/** An app with one workflow `flow` of this body. */
export function appOf(run: Run, options: Partial<AppOptions> = {}, output: z.ZodType = z.any()): App {
  const flow = defineWorkflow({ name: "flow", input: z.object({ text: z.string() }), output, run });
  return defineApp({ workflows: [flow], capabilities: [echo, double], ...options });
}

export const submitted = (fields: object = {}): EventBody & { type: "job.submitted" } => ({
  type: "job.submitted",
  workflow: "flow",
  input: { text: "hello" },
  digest: "d",
  deadline: at(86_400_000),
  expires: at(2 * 86_400_000),
  ...fields,
});
export const requested = (stepId: string, fields: object = {}): EventBody => ({
  type: "step.requested",
  stepId,
  capability: "echo",
  input: null,
  ...fields,
});
export const started = (stepId: string, attempt = 1, fields: object = {}): EventBody => ({
  type: "step.started",
  stepId,
  capability: "echo",
  attempt,
  lease: { holder: "w-1", until: at(60_000) },
  ...fields,
});
export const completed = (stepId: string, result: unknown = null, attempt = 1): EventBody =>
  ({ type: "step.completed", stepId, capability: "echo", attempt, result }) as EventBody;
export const failed = (stepId: string, fields: object = {}): EventBody => ({
  type: "step.failed",
  stepId,
  capability: "echo",
  attempt: 1,
  error: { name: "Error", message: "no" },
  counts: true,
  final: false,
  ...fields,
});
export const progress = (stepId: string, text: string, fields: object = {}): EventBody => ({
  type: "step.progress",
  stepId,
  capability: "echo",
  attempt: 1,
  offset: 0,
  text,
  leaseUntil: at(90_000),
  ...fields,
});

export const deadLettered = (stepId: string, fields: object = {}): EventBody => ({
  type: "step.dead_lettered",
  stepId,
  capability: "echo",
  attempt: 1,
  error: { name: "Error", message: "no" },
  ...fields,
});
export const redriven = (stepId: string, base = 1, fields: object = {}): EventBody => ({
  type: "step.redriven",
  stepId,
  capability: "echo",
  base,
  by: "api",
  ...fields,
});
export const discarded = (stepId: string, reason = "not worth it", fields: object = {}): EventBody => ({
  type: "step.discarded",
  stepId,
  capability: "echo",
  attempt: 1,
  reason,
  ...fields,
});
export const timerSet = (timerId: string, fireInMs: number): EventBody => ({
  type: "timer.set",
  timerId,
  fireAt: at(fireInMs),
});
export const signalRequested = (signal: string): EventBody => ({ type: "signal.requested", signal });
export const signalReceived = (signal: string, payload: Json = { yes: true }): EventBody => ({
  type: "signal.received",
  signal,
  payload,
});
export const timerFired = (timerId: string): EventBody => ({ type: "timer.fired", timerId });

/** A log of one commit for each list of events. */
export function logOf(...groups: readonly (readonly EventBody[])[]): Commit[] {
  let firstSeq = 1;
  return groups.map((events, index) => {
    const commit: Commit = {
      jobId: JOB,
      tenant: TENANT,
      firstSeq,
      commitId: `c${index}` as CommitId,
      deploySeq: 1,
      time: at(index),
      events,
    };
    firstSeq += events.length;
    return commit;
  });
}

/** The state after these events, the submission before them. */
export function stateOf(...events: readonly EventBody[]): JobState {
  const state = fold(logOf([submitted(), ...events]));
  if (state === undefined) throw new Error("no state");
  return state;
}

/** Steps asked for, taken and done. */
export const done = (stepId: string, result: unknown, fields: object = {}): EventBody[] => [
  requested(stepId, fields),
  started(stepId),
  completed(stepId, result),
];

/** A step asked for, taken, failed for good, and left to a person. */
export const givenUp = (stepId: string, fields: object = {}): EventBody[] => [
  requested(stepId, fields),
  started(stepId),
  failed(stepId, { final: true }),
  deadLettered(stepId),
];

const ABOUT_ADVANCE = { capability: ADVANCE_STEP, error: { name: "WorkflowError", message: "a bug" } };
/** A workflow that failed so many times in a row, the last time for good. */
export const workflowGivenUp = (tries = 3): EventBody[] => [
  ...Array.from({ length: tries }, (_, n) =>
    failed(ADVANCE_STEP, { ...ABOUT_ADVANCE, attempt: n + 1, final: n + 1 === tries }),
  ),
  deadLettered(ADVANCE_STEP, { ...ABOUT_ADVANCE, attempt: tries }),
];
