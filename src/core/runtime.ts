import type { MetricName } from "../contract/metrics.ts";
import { Admission, type RefusalReason } from "./admission.ts";
import { CallStoppedError, Calls } from "./calls.ts";
import type { App } from "./define-app.ts";
import { type GateReason, Gates } from "./gates.ts";
import { JobWriter } from "./job-writer.ts";
import type {
  Blobs,
  Changes,
  Clock,
  Deltas,
  EventLog,
  Ids,
  JobIndex,
  Limits,
  LocalWorkers,
  Records,
  Snapshots,
  Topics,
  Watchers,
  WorkQueue,
} from "./ports.ts";
import type { Resources } from "./resources.ts";

/** Structured logging: a message and ids, sizes, durations; never a prompt or an answer. */
export interface Logger {
  debug(message: string, data: object): void;
  info(message: string, data: object): void;
  warn(message: string, data: object): void;
  error(message: string, data: object): void;
}

/** What a metric may be split by: never a tenant or a job, whose number has no bound. */
export interface MetricDimensions {
  readonly capability?: string;
  readonly model?: string;
  readonly workflow?: string;
  readonly reason?: RefusalReason | GateReason;
}

export type MetricUnit = "Count" | "Milliseconds" | "Bytes";

/** Figures of what happens, for dashboards and alarms. */
export interface Metrics {
  record(name: MetricName, value: number, unit: MetricUnit, dimensions?: MetricDimensions): void;
  /** Resolves when what was recorded is out: before an invocation ends. */
  flush(): Promise<void> | void;
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
  /** How often a running call asks whether its job has ended elsewhere, in ms; undefined: nothing of a job happens elsewhere. */
  readonly stopPollMs?: number;
  /** The longest that streamed text waits for its record, in ms. */
  readonly progressFlushMs: number;
  /** The same of an attempt's first text, for which somebody may be waiting, in ms. @default `progressFlushMs` */
  readonly firstProgressMs?: number;
  readonly limits: Limits;
  readonly records: Records;
  /** For how long a count may be used that the engine was asked for, in ms: 0 where asking again costs nothing. */
  readonly countsFreshMs: number;
  readonly changes: Changes;
  /** @default nothing is pushed */
  readonly watchers?: Watchers;
  /** Where streamed text is in the log too late to be watched. */
  readonly deltas?: Deltas;
  /** Where reading a whole log costs too much. */
  readonly snapshots?: Snapshots;
  /**
   * Calls back soon: what else is decided on a job until then shares its commit (rule 21 of the job protocol).
   * `expected`: other steps of the job are being worked on here and may end any moment.
   */
  coalesce(commit: () => void, expected: boolean): void;
  /** Whether the process of this name is known to be dead. */
  isGone(holder: string): boolean;
}

/** Those who hold a connection open while a job runs: how many of each there may be at once, over all tenants; 0: none. */
export interface Readers {
  /** Server-sent events. */
  readonly streams: number;
  /** Submissions whose answer waits for the job's end. */
  readonly waits: number;
}

export interface RuntimeOptions {
  readonly app: App;
  readonly resources: Resources;
  readonly logger: Logger;
  /** @default none are kept */
  readonly metrics?: Metrics;
  readonly localWorkers?: LocalWorkers;
  /** @default none may */
  readonly readers?: Readers;
  /** How far two clocks may be apart, in ms. @default 0 */
  readonly maxSkewMs?: number;
  /** Webhooks may go to this machine, and there without TLS: for development. @default false */
  readonly webhooksToLoopback?: boolean;
}

/** Everything that the use cases in `lambdas/` work with. */
export interface Runtime extends Ports, RuntimeOptions {
  readonly maxSkewMs: number;
  readonly readers: Readers;
  readonly metrics: Metrics;
  readonly writer: JobWriter;
  readonly calls: Calls;
  readonly admission: Admission;
  readonly gates: Gates;
}

export function createRuntime(engine: Ports, options: RuntimeOptions): Runtime {
  const ports = portsOf(engine);
  const { app, logger, localWorkers, metrics = NO_METRICS } = options;
  const calls = new Calls();
  const gates = new Gates({
    app,
    ...ports,
    model: options.resources.model,
    circuitCacheMs: ports.countsFreshMs,
    onError: (error) => logger.warn("limit not kept", { error: (error as Error).name }),
  });
  const writer = new JobWriter({
    app,
    ...ports,
    mayClaimAhead: (capability, input) => gates.isClear(capability, input),
    coalesce: (jobId, commit) => ports.coalesce(commit, calls.of(jobId) > 1),
    ...(localWorkers ? { localWorkers } : {}),
    onBroken: (state, error) => {
      metrics.record("WorkflowErrors", 1, "Count", { workflow: state.workflow });
      logger.warn("workflow cannot be brought forward", {
        jobId: state.jobId,
        workflow: state.workflow,
        error: error.name,
      });
    },
    onEnded: ({ jobId, workflow, status, createdAt, updatedAt }) => {
      calls.stop(jobId, new CallStoppedError(`the job is ${status}`));
      metrics.record("JobsEnded", 1, "Count", { workflow });
      metrics.record("JobDuration", Date.parse(updatedAt) - Date.parse(createdAt), "Milliseconds", { workflow });
    },
    ...(ports.watchers ? { onCommitted: (commit) => ports.watchers?.committed(commit) } : {}),
    onConflict: (jobId) => {
      metrics.record("AppendConflicts", 1, "Count");
      logger.debug("append conflict", { jobId });
    },
    onDelayed: (jobId, error) => logger.error("messages not published", { jobId, error: (error as Error).name }),
    onHeadMissed: (jobId, error) => logger.warn("head not changed", { jobId, error: (error as Error).name }),
    onSnapshotLost: (jobId, error) =>
      logger.warn("snapshot not kept or not read", { jobId, error: (error as Error).name }),
  });
  const admission = new Admission({ app, ...ports });
  const { maxSkewMs = 0, readers = NO_READERS } = options;
  return { ...ports, ...options, metrics, maxSkewMs, readers, writer, calls, admission, gates };
}

const NO_READERS: Readers = { streams: 0, waits: 0 };
const NO_METRICS: Metrics = { record: () => {}, flush: () => {} };

/** The ports alone: an engine may be an object of more parts. */
function portsOf(engine: Ports): Ports {
  const {
    log,
    index,
    topics,
    queue,
    blobs,
    snapshots,
    clock,
    ids,
    holder,
    deploySeq,
    changes,
    watchers,
    deltas,
    records,
  } = engine;
  const { atomicEffects, progressFlushMs, firstProgressMs, stopPollMs, limits, countsFreshMs } = engine;
  return {
    log,
    index,
    topics,
    queue,
    blobs,
    ...(snapshots ? { snapshots } : {}),
    changes,
    ...(watchers ? { watchers } : {}),
    ...(deltas ? { deltas } : {}),
    clock,
    ids,
    holder,
    deploySeq,
    atomicEffects,
    progressFlushMs,
    limits,
    records,
    countsFreshMs,
    ...(stopPollMs === undefined ? {} : { stopPollMs }),
    ...(firstProgressMs === undefined ? {} : { firstProgressMs }),
    coalesce: (commit, expected) => engine.coalesce(commit, expected),
    isGone: (other) => engine.isGone(other),
  };
}
