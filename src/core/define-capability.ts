import { z } from "zod";
import type { Usage } from "../contract/events.ts";
import { DefinitionError } from "./errors.ts";
import type { Resources } from "./resources.ts";

/** How often and how fast a failed step is tried again. The queue does the waiting, never a worker. */
export interface RetryPolicy {
  /** Attempts that count, the first included. @default 5 */
  readonly maxAttempts: number;
  /** Upper bound of the wait after the first failure; doubles with each further one. @default 1_000 */
  readonly baseDelayMs: number;
  /** Upper bound of any wait; at most 15 minutes, a queue's longest delay. @default 60_000 */
  readonly maxDelayMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 5, baseDelayMs: 1_000, maxDelayMs: 60_000 };

/** What a capability says of an error that its `run` threw. */
export type ErrorVerdict =
  | { readonly kind: "retryable" }
  | { readonly kind: "terminal" }
  /** Hopeless until a person puts something right outside of the app: the step waits for one, whatever `onExhausted` says. */
  | { readonly kind: "hold" }
  /** The provider asked to wait, or is down: the attempt does not count. */
  | { readonly kind: "throttled"; readonly retryAfterMs?: number };

/** Who answers a call. */
export interface Provider {
  /** Such as `openai:gpt-5`: what has one circuit, and what `rates` may name, whole or up to the first ':'. */
  readonly name: string;
  /** Tokens that the call may use, input and output: reserved before it, and settled by the usage that it reports. */
  readonly tokens?: number;
}

/** What a capability's `run` is given besides its input. */
export interface StepContext {
  readonly jobId: string;
  readonly tenant: string;
  readonly stepId: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** The same for every attempt of a step, until its input is edited: pass it to a provider that can recognise a repeat. */
  readonly idempotencyKey: string;
  /** Aborts at the capability's timeout and when the worker shuts down. Pass it to every call you wait for. */
  readonly signal: AbortSignal;
  /** Records text as it is produced, so that readers see it and a crash does not lose it. */
  progress(text: string): void;
  /** Records at once the id under which the provider keeps this call's answer, for `reattach`. Resolves when it is durable. */
  keptAs(id: string): Promise<void>;
  /** Records what the call used, for the job's totals. */
  usage(usage: Usage): void;
  readonly resources: Resources;
}

export interface CapabilityOptions<Name extends string, I extends z.ZodType, O extends z.ZodType> {
  /** Lower-case words joined by '-': names its topic, queue, worker and dashboard row. */
  readonly name: Name;
  readonly description?: string;
  readonly input: I;
  readonly output: O;
  run(input: z.output<I>, step: StepContext): Promise<z.input<O>> | z.input<O>;
  readonly retry?: Partial<RetryPolicy>;
  /** One call's longest time in ms, 1 s to 14 min 30 s: a Lambda function lives 15 min. @default 60_000 */
  readonly timeoutMs?: number;
  /** How long an attempt holds its step, in ms. @default timeoutMs + 15_000 */
  readonly leaseMs?: number;
  /** Steps worked on at once: in the process, or as the queue's maximum concurrency on AWS (2 to 1,000). @default 20 */
  readonly concurrency?: number;
  /** Messages that may wait before new jobs that ask for it get 503; see docs/decisions/2026-11-25-back-pressure.md. @default no limit */
  readonly maxBacklog?: number;
  /** Messages handed to one worker at once, 1 to 10; they are worked concurrently. @default 10 */
  readonly batchSize?: number;
  /** The worker's memory in MB on AWS, 128 to 10,240. @default 512 */
  readonly memoryMb?: number;
  /** Environment variables with secrets: on AWS only this capability's worker gets them, from Secrets Manager. @default [] */
  readonly secrets?: readonly string[];
  /** Calls the app's models: on AWS its worker may, and gets the provider's key. @default false */
  readonly usesModel?: boolean;
  /** IAM actions on resources that only this capability's worker gets. @default [] */
  readonly permissions?: readonly { readonly actions: readonly string[]; readonly resources: readonly string[] }[];
  /** Publish `ai.<name>.completed|failed` for listeners; each is a billed entry. @default false */
  readonly announce?: boolean;
  /**
   * What a step becomes when it will not be tried again. `throw` rejects its promise inside the workflow, except where a
   * person has to put something right first (`HeldError`). @default "dead-letter"
   */
  readonly onExhausted?: "dead-letter" | "throw";
  /**
   * What to do with a call whose outcome nobody knows: run it again, or wait for a person. A crash leaves such a call; with
   * `hold`, so do its timeout and the end of its worker's time. @default "rerun"
   */
  readonly onInDoubt?: "rerun" | "hold";
  /** Attempts of one step that may end without an outcome and be run again, apart from `retry`; then a person decides. @default 5 */
  readonly maxReruns?: number;
  /**
   * For providers that keep an answer under an id which `run` has told by `step.keptAs(id)`: fetches that answer after a
   * crash, or after we had to cut the call off, in the place of a second call. Undefined: the provider does not have it, and
   * `onInDoubt` decides. What it throws is a failed attempt like any other, after which it is asked again.
   */
  readonly reattach?: (
    id: string,
    input: z.output<I>,
    step: StepContext,
  ) => Promise<z.input<O> | undefined> | z.input<O> | undefined;
  /** What a call that was lost may have used, for the record: its input, and what it had streamed. @default nothing is recorded */
  readonly estimateUsage?: (input: z.output<I>, streamed: string, resources: Resources) => Usage | undefined;
  /**
   * Whom a call with this input calls, as far as limits are concerned: steps wait while that provider's circuit is open,
   * and within the app's `rates`. @default nobody: a call has no limits but `concurrency`
   */
  readonly provider?: (input: z.output<I>, app: { readonly model: string }) => Provider | undefined;
  /** Steps of one tenant worked on at once, 1 to 1,000, in all processes together. @default as many as `concurrency` allows */
  readonly tenantConcurrency?: number;
  /** Judges an error thrown by `run`. @default everything is retryable */
  readonly classify?: (error: unknown) => ErrorVerdict;
}

/** What a capability may do without. */
type Optional = "reattach" | "estimateUsage" | "maxBacklog" | "provider" | "tenantConcurrency";

/** A kind of work with its own topic, queue, worker and dead-letter queue. Made by {@link defineCapability}. */
export interface Capability<
  Name extends string = string,
  I extends z.ZodType = z.ZodType,
  O extends z.ZodType = z.ZodType,
> extends Required<Omit<CapabilityOptions<Name, I, O>, "retry" | "description" | Optional>>,
    Pick<CapabilityOptions<Name, I, O>, Optional> {
  readonly description: string;
  readonly retry: RetryPolicy;
}

// biome-ignore lint/suspicious/noExplicitAny: the one place where a capability's schemas do not matter
export type AnyCapability = Capability<string, any, any>;
export type CapabilityInput<C extends AnyCapability> = z.input<C["input"]>;
export type CapabilityOutput<C extends AnyCapability> = z.output<C["output"]>;

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
export const NAME_SHAPE =
  "lower-case letters and digits in words joined by '-', such as web-search, at most 40 characters";
export const isName = (name: string): boolean => NAME.test(name) && name.length <= 40;

const Numbers = z.object({
  timeoutMs: z.number().int().min(1_000).max(870_000),
  leaseMs: z.number().int().min(1_000).max(900_000),
  concurrency: z.number().int().min(2).max(1_000),
  batchSize: z.number().int().min(1).max(10),
  memoryMb: z.number().int().min(128).max(10_240),
  maxBacklog: z.number().int().min(1).max(100_000_000).optional(),
  maxReruns: z.number().int().min(0).max(100),
  tenantConcurrency: z.number().int().min(1).max(1_000).optional(),
  retry: z.object({
    maxAttempts: z.number().int().min(1).max(15),
    baseDelayMs: z.number().int().min(0).max(900_000),
    maxDelayMs: z.number().int().min(0).max(900_000),
  }),
});

/**
 * Defines a kind of work. Throws {@link DefinitionError} for a setting out of range; the error names the setting,
 * the value got and what is allowed.
 *
 * @example
 * export const summarise = defineCapability({
 *   name: "summarise",
 *   input: z.object({ text: z.string() }),
 *   output: z.object({ summary: z.string() }),
 *   run: async ({ text }) => ({ summary: text.slice(0, 200) }),
 * });
 */
export function defineCapability<const Name extends string, I extends z.ZodType, O extends z.ZodType>(
  options: CapabilityOptions<Name, I, O>,
): Capability<Name, I, O> {
  if (!isName(options.name)) {
    throw new DefinitionError(`a capability's name must be ${NAME_SHAPE}; got ${JSON.stringify(options.name)}`);
  }
  const timeoutMs = options.timeoutMs ?? 60_000;
  const capability: Capability<Name, I, O> = {
    description: "",
    leaseMs: Math.min(timeoutMs + 15_000, 900_000),
    concurrency: 20,
    batchSize: 10,
    memoryMb: 512,
    secrets: [],
    usesModel: false,
    permissions: [],
    announce: false,
    onExhausted: "dead-letter",
    onInDoubt: "rerun",
    maxReruns: 5,
    classify: () => ({ kind: "retryable" }),
    ...options,
    timeoutMs,
    retry: { ...DEFAULT_RETRY, ...options.retry },
  };
  const checked = Numbers.safeParse(capability);
  if (!checked.success) {
    throw new DefinitionError(`capability ${options.name}: ${z.prettifyError(checked.error)}`);
  }
  if (capability.leaseMs < capability.timeoutMs) {
    throw new DefinitionError(
      `capability ${options.name}: leaseMs (${capability.leaseMs}) must not be shorter than timeoutMs (${capability.timeoutMs})`,
    );
  }
  return Object.freeze(capability);
}
