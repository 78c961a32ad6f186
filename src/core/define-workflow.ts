import type { z } from "zod";
import type {
  CompletionInput,
  CompletionOutput,
  RetrievalInput,
  RetrievalOutput,
  ToolCall,
  ToolResult,
} from "../contract/standard-capabilities.ts";
import type { AnyCapability, CapabilityInput, CapabilityOutput } from "./define-capability.ts";
import { isName, NAME_SHAPE } from "./define-capability.ts";
import { DefinitionError } from "./errors.ts";

/** What may be sent to a running job, by name: lower-case words joined by '-'. */
export type SignalSchemas = Readonly<Record<string, z.ZodType>>;

/**
 * What a workflow asks its steps of. Every method takes an id that is the step's identity for the life of the job:
 * results are handed back by id, in any order, also to code deployed after the job began.
 */
export interface Job<Signals extends SignalSchemas = SignalSchemas> {
  readonly id: string;
  readonly tenant: string;
  /**
   * Asks for one call of a capability and resolves with its recorded output, which is frozen. The same id with the
   * same capability and input gives the same promise; with another it is an error that names both.
   */
  step<C extends AnyCapability>(id: string, capability: C, input: CapabilityInput<C>): Promise<CapabilityOutput<C>>;
  /** A step of the app's `retrieval` capability: passages for a query. */
  retrieve(id: string, input: RetrievalInput): Promise<RetrievalOutput>;
  /** A step of the app's `completion` capability: a model's answer, or the tools that it asks for. */
  complete(id: string, input: CompletionInput): Promise<CompletionOutput>;
  /** A step of the app's `tool` capability: one tool call. */
  tool(id: string, call: ToolCall): Promise<ToolResult>;
  /**
   * Waits for so many ms, or until a time, without holding anything: the wait is on record and outlives every process. At
   * most as precise as the engine's timers. Up to 15 minutes: milliseconds embedded, about a second on AWS; above: 5 seconds
   * embedded, a minute on AWS.
   */
  sleep(id: string, until: number | Date): Promise<void>;
  /**
   * Waits for a signal of this name, sent by `POST /v1/jobs/{id}/signals/{name}` or a client, and resolves with its payload,
   * which is frozen. One that came before it was asked for counts. The wait holds nothing and outlives every process.
   */
  signal<K extends keyof Signals & string>(name: K): Promise<z.output<Signals[K]>>;
  /** The time at which the job first asked for it, recorded. */
  now(id: string): Promise<Date>;
  /** A number from 0 (included) to 1 (not), recorded. */
  random(id: string): Promise<number>;
}

export interface WorkflowOptions<
  Name extends string,
  I extends z.ZodType,
  O extends z.ZodType,
  S extends SignalSchemas = SignalSchemas,
> {
  /** Lower-case words joined by '-': what callers put in `workflow`. */
  readonly name: Name;
  readonly description?: string;
  readonly input: I;
  readonly output: O;
  /** An accepted example of `input`, for the printed curl and the API document. */
  readonly example?: z.input<I>;
  /** What `job.signal` may wait for, each with the schema of its payload. @default none */
  readonly signals?: S;
  /**
   * Says which steps the job needs. It holds nothing while it waits: it is called again from its beginning whenever
   * a result arrives, so it must await steps only and do nothing else that lasts.
   */
  run(job: Job<S>, input: z.output<I>): Promise<z.input<O>>;
}

/** Made by {@link defineWorkflow}. */
export interface Workflow<
  Name extends string = string,
  I extends z.ZodType = z.ZodType,
  O extends z.ZodType = z.ZodType,
  S extends SignalSchemas = SignalSchemas,
> extends Omit<WorkflowOptions<Name, I, O, S>, "description" | "signals"> {
  readonly description: string;
  readonly signals: S;
}

// biome-ignore lint/suspicious/noExplicitAny: the one place where a workflow's schemas do not matter
export type AnyWorkflow = Workflow<string, any, any, any>;

/**
 * Defines a workflow. Throws {@link DefinitionError} for a bad name.
 *
 * @example
 * export const digest = defineWorkflow({
 *   name: "digest",
 *   input: z.object({ text: z.string() }),
 *   output: z.object({ summary: z.string() }),
 *   run: (job, { text }) => job.step("summary", summarise, { text }),
 * });
 */
export function defineWorkflow<
  const Name extends string,
  I extends z.ZodType,
  O extends z.ZodType,
  S extends SignalSchemas = Record<never, never>,
>(options: WorkflowOptions<Name, I, O, S>): Workflow<Name, I, O, S> {
  if (!isName(options.name)) {
    throw new DefinitionError(`a workflow's name must be ${NAME_SHAPE}; got ${JSON.stringify(options.name)}`);
  }
  for (const name of Object.keys(options.signals ?? {})) {
    if (isName(name)) continue;
    throw new DefinitionError(`a signal's name must be ${NAME_SHAPE}; got ${JSON.stringify(name)}`);
  }
  return Object.freeze({ description: "", signals: {} as S, ...options });
}
