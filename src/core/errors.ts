import type { ErrorInfo } from "../contract/events.ts";
import type { Json } from "../contract/json.ts";

/** A definition (`defineCapability`, `defineWorkflow`, `defineApp`) is wrong; says what was got and what is allowed. */
export class DefinitionError extends Error {
  override readonly name = "DefinitionError";
}

/** A workflow's code broke a rule of workflows. The job is not failed by it: a repaired deployment can go on. */
export class WorkflowError extends Error {
  override readonly name = "WorkflowError";
  readonly detail: Json | undefined;

  constructor(message: string, detail?: Json) {
    super(message);
    this.detail = detail;
  }
}

/** Throw it inside a workflow to end the job as failed, on purpose and for good. */
export class JobFailedError extends Error {
  override readonly name = "JobFailedError";
  readonly detail: Json | undefined;

  constructor(message: string, detail?: Json) {
    super(message);
    this.detail = detail;
  }
}

/** A step of a capability with `onExhausted: "throw"` will not be tried again. */
export class StepFailedError extends Error {
  override readonly name = "StepFailedError";
  readonly stepId: string;
  readonly info: ErrorInfo;

  constructor(stepId: string, info: ErrorInfo) {
    super(`step ${JSON.stringify(stepId)} failed: ${info.message}`);
    this.stepId = stepId;
    this.info = info;
  }
}

/** No job of this id, or not one of this tenant's. */
export class UnknownJobError extends Error {
  override readonly name = "UnknownJobError";

  constructor(jobId: string) {
    super(`there is no job ${jobId}`);
  }
}

/** A log breaks an invariant. Never repaired silently: whoever reads it must know. */
export class CorruptLogError extends Error {
  override readonly name = "CorruptLogError";
}

/** A service of the engine does not answer or asks to wait: nothing is wrong with what was to be written. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}

/** The log could not be appended to in a bounded number of tries: the message is delivered again later. */
export class ContentionError extends Error {
  override readonly name = "ContentionError";
}

/** A commit is in the log, but the messages that follow from it could not be published. Asking again publishes them. */
export class PublishingError extends Error {
  override readonly name = "PublishingError";

  constructor(jobId: string, cause: unknown) {
    super(`messages of ${jobId} could not be published`, { cause });
  }
}

const MAX_MESSAGE = 2_000;
/** Of the JSON text of an error's `detail`, in characters. */
const MAX_DETAIL = 4_000;
const MAX_CAUSES = 5;

/** What of a thrown value goes on record: name, message, `detail` and causes, bounded, never a stack. */
export function errorInfo(thrown: unknown, depth = 0): ErrorInfo {
  if (!(thrown instanceof Error)) return { name: "Error", message: clip(text(thrown)) };
  const detail = "detail" in thrown ? json(thrown.detail) : undefined;
  return {
    name: clip(text(thrown.name)),
    message: clip(text(thrown.message)),
    ...(detail === undefined ? {} : { detail }),
    ...(thrown.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: errorInfo(thrown.cause, depth + 1) }),
  };
}

/** Anybody's error may carry anything: what JSON cannot hold or is too long is left out. */
function json(detail: unknown): Json | undefined {
  try {
    const written = JSON.stringify(detail);
    return written === undefined || written.length > MAX_DETAIL ? undefined : (JSON.parse(written) as Json);
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "a value that has no text";
  }
}

const clip = (text: string): string => (text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text);
