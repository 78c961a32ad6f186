/** What travels on the wire: the server's own definitions, of which a client needs the types only. */
export type {
  CapabilityList,
  DeadLetterView,
  DiscardRequest,
  ForkRequest,
  JobSummary,
  JobView,
  RedriveAllRequest,
  RedrivenList,
  RedriveRequest,
} from "../src/contract/api.ts";
export type { ErrorInfo, EventType, JobEvent, Usage } from "../src/contract/events.ts";
export type { Json } from "../src/contract/json.ts";
export type { Problem, Violation } from "../src/contract/problem.ts";
export type { WebhookRequest } from "../src/contract/webhooks.ts";

import type { JobView } from "../src/contract/api.ts";
import type { JobEvent, TERMINAL_EVENTS } from "../src/contract/events.ts";

export type JobStatus = JobView["status"];

/** Text of a running step that is not in the log yet. A later `step.progress` covers it. */
export interface Delta {
  readonly jobId: string;
  readonly stepId: string;
  readonly attempt: number;
  /** In characters (UTF-16 code units) of the attempt's text. */
  readonly offset: number;
  readonly text: string;
}

const TERMINAL: Readonly<Record<(typeof TERMINAL_EVENTS)[number], true>> = {
  "job.completed": true,
  "job.failed": true,
  "job.expired": true,
  "job.cancelled": true,
};

/** Whether nothing can follow an event. */
export const isTerminal = (event: JobEvent): boolean => Object.hasOwn(TERMINAL, event.type);

/** Whether a job with this status has ended. `dead-lettered` has not: a person decides how it goes on. */
export const hasEnded = (status: JobStatus): boolean => status !== "running" && status !== "dead-lettered";
