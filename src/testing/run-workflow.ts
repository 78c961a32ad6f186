import { setImmediate as turn } from "node:timers/promises";
import { z } from "zod";
import { signalJob } from "../../lambdas/commands/commands.ts";
import { submit } from "../../lambdas/submit/submit.ts";
import type { ErrorInfo } from "../contract/events.ts";
import { eventsOf, type JobEvent } from "../contract/events.ts";
import type { JobId, TenantId } from "../contract/ids.ts";
import type { Json } from "../contract/json.ts";
import { defineApp } from "../core/define-app.ts";
import type { AnyCapability, Capability, StepContext } from "../core/define-capability.ts";
import type { SignalSchemas, Workflow } from "../core/define-workflow.ts";
import { readCommits, readState } from "../core/read-job.ts";
import type { Corpus, Tool } from "../core/resources.ts";
import type { Logger } from "../core/runtime.ts";
import { awaitedSignals, isEnded, isOpen, type JobState, pendingTimers } from "../core/state.ts";
import { noDocuments } from "../corpus/no-documents.ts";
import { startEmbedded } from "../host/host.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface RunOptions {
  /** The capabilities that the workflow uses: real ones, or made by {@link fake}. */
  readonly capabilities: readonly AnyCapability[];
  // biome-ignore lint/suspicious/noExplicitAny: tools of different inputs in one list
  readonly tools?: readonly Tool<any>[];
  readonly corpus?: Corpus;
  /** Signals that are sent once nothing but them can bring the job forward, by name. @default none */
  readonly signals?: Readonly<Record<string, Json>>;
  /** When the job begins. @default 2030-01-01T00:00:00Z */
  readonly now?: Date;
}

/** A job that has ended, or that waits for a person, or for a signal that nobody sends. */
export interface FinishedJob<Output> {
  readonly status: JobState["status"];
  /** The workflow's output, if completed. */
  readonly result: Output | undefined;
  readonly error: ErrorInfo | undefined;
  /** The whole log. */
  readonly events: readonly JobEvent[];
  /** How long the job would have taken, in ms, if every call had returned at once: its waits, which were skipped. */
  readonly elapsedMs: number;
}

const tenant = "test" as TenantId;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Runs a workflow to its end on the real embedded engine, in memory, and skips its waits: those before retries and its own. Rejects when
 * the input is not what the workflow takes.
 *
 * @example
 * const job = await runWorkflow(analysis, { query: "Why?" }, { capabilities: [fake(retrieval, () => ({ … })), completion] });
 * expect(job.result).toEqual({ … });
 */
export async function runWorkflow<I extends z.ZodType, O extends z.ZodType, S extends SignalSchemas>(
  workflow: Workflow<string, I, O, S>,
  input: z.input<I>,
  options: RunOptions,
): Promise<FinishedJob<z.output<O>>> {
  const { signals = {} } = options;
  const clock = new VirtualClock(options.now?.getTime());
  const begunMs = clock.now();
  const app = defineApp({ workflows: [workflow], capabilities: options.capabilities, tools: options.tools ?? [] });
  const resources = { tools: app.tools, model: app.model, price: undefined, corpus: options.corpus ?? noDocuments };
  const embedded = startEmbedded({ app, resources, logger: silent, dataDir: undefined, clock });
  try {
    const { runtime } = embedded;
    const request = { workflow: workflow.name, input: z.json().parse(input) };
    const { job } = await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
    const jobId = job.id as JobId;
    let state: JobState | undefined;
    for (;;) {
      while (!embedded.isIdle()) await turn();
      state = await readState(runtime, jobId);
      if (state === undefined || isEnded(state) || waitsForPerson(state)) break;
      if (waitsForSignal(state)) {
        const name = awaitedSignals(state).find((awaited) => Object.hasOwn(signals, awaited));
        // Nobody sends what it waits for.
        if (name === undefined) break;
        await signalJob({ tenant, jobId }, name, { payload: signals[name] }, runtime);
        continue;
      }
      await clock.skip();
    }
    const { commits } = await readCommits(runtime, jobId);
    return {
      status: state?.status ?? "running",
      result: state?.output as z.output<O> | undefined,
      error: state?.error ?? state?.advance?.error,
      events: commits.flatMap(eventsOf),
      elapsedMs: Date.parse(state?.updatedAt ?? job.createdAt) - begunMs,
    };
  } finally {
    await embedded.close();
  }
}

/** It goes on with a signal, or not at all. */
const waitsForSignal = (state: JobState): boolean =>
  awaitedSignals(state).length > 0 && pendingTimers(state).length === 0 && ![...state.steps.values()].some(isOpen);

/** Nothing but dead letters is left: no step to work on, and no wait that the workflow could go on from. */
function waitsForPerson(state: JobState): boolean {
  if (state.advance?.deadLettered !== undefined) return true;
  if (pendingTimers(state).length > 0) return false;
  const open = [...state.steps.values()].filter(({ status }) => status !== "completed" && status !== "failed");
  return open.length > 0 && open.every(({ status }) => status === "dead-lettered");
}

/** The same capability, its checks and retries included, with another `run`. */
export function fake<Name extends string, I extends z.ZodType, O extends z.ZodType>(
  capability: Capability<Name, I, O>,
  run: (input: z.output<I>, step: StepContext) => Promise<z.input<O>> | z.input<O>,
): Capability<Name, I, O> {
  return Object.freeze({ ...capability, run });
}
