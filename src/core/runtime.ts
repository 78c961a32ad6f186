import { Calls } from "./calls.ts";
import type { App } from "./define-app.ts";
import { JobWriter } from "./job-writer.ts";
import type { Blobs, Clock, EventLog, Ids, JobIndex, LocalWorkers, Topics, WorkQueue } from "./ports.ts";
import type { Resources } from "./resources.ts";

/** Structured logging: a message and ids, sizes, durations; never a prompt or an answer. */
export interface Logger {
  debug(message: string, data: object): void;
  info(message: string, data: object): void;
  warn(message: string, data: object): void;
  error(message: string, data: object): void;
}

/** What an engine brings. */
export interface Ports {
  readonly log: EventLog;
  readonly index: JobIndex;
  readonly topics: Topics;
  readonly queue: WorkQueue;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Names this process in leases. */
  readonly holder: string;
  readonly deploySeq: number;
  /** Messages are published in the transaction of their commit: none can be missing. */
  readonly atomicEffects: boolean;
  /** Calls back soon: what else is decided on a job until then shares its commit (rule 21 of the job protocol). */
  coalesce(commit: () => void): void;
  /** Whether the process of this name is known to be dead. */
  isGone(holder: string): boolean;
}

export interface RuntimeOptions {
  readonly app: App;
  readonly resources: Resources;
  readonly logger: Logger;
  readonly localWorkers?: LocalWorkers;
  /** How far two clocks may be apart, in ms. @default 0 */
  readonly maxSkewMs?: number;
}

/** Everything that the use cases in `lambdas/` work with. */
export interface Runtime extends Ports, RuntimeOptions {
  readonly maxSkewMs: number;
  readonly writer: JobWriter;
  readonly calls: Calls;
}

export function createRuntime(engine: Ports, options: RuntimeOptions): Runtime {
  const ports = portsOf(engine);
  const { app, logger, localWorkers } = options;
  const writer = new JobWriter({
    app,
    ...ports,
    ...(localWorkers ? { localWorkers } : {}),
    onBroken: (state, error) =>
      logger.warn("workflow cannot be brought forward", {
        jobId: state.jobId,
        workflow: state.workflow,
        error: error.message,
      }),
    onConflict: (jobId) => logger.debug("append conflict", { jobId }),
  });
  return { ...ports, ...options, maxSkewMs: options.maxSkewMs ?? 0, writer, calls: new Calls() };
}

/** The ports alone: an engine may be an object of more parts. */
function portsOf(engine: Ports): Ports {
  const { log, index, topics, queue, blobs, clock, ids, holder, deploySeq, atomicEffects } = engine;
  return {
    log,
    index,
    topics,
    queue,
    blobs,
    clock,
    ids,
    holder,
    deploySeq,
    atomicEffects,
    coalesce: (commit) => engine.coalesce(commit),
    isGone: (other) => engine.isGone(other),
  };
}
