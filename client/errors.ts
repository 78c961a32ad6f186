import type { JobView, Problem } from "./wire.ts";

/** The server refused a request, and says why in a problem document (RFC 9457). */
export class SluiceError extends Error {
  override readonly name = "SluiceError";
  readonly status: number;
  readonly problem: Problem;
  /** How long the server asks to wait before the same request, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(problem: Problem, retryAfterMs?: number) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
    this.status = problem.status;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The server was not reached, broke off, or said nothing for too long. Whether it did what it was asked is not known. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** A channel does not exist here: the runtime has no WebSocket, or the server does not speak it. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}

/** What the caller gave can never be sent, wherever to. Its message quotes no key and no URL. */
export class OptionError extends TypeError {
  override readonly name = "OptionError";
}

/** The job has ended without a result. */
export class JobEndedError extends Error {
  override readonly name = "JobEndedError";
  readonly job: JobView;

  constructor(job: JobView) {
    super(`job ${job.id} ${job.status}${job.error === undefined ? "" : `: ${job.error.name}: ${job.error.message}`}`);
    this.job = job;
  }
}
