import { z } from "zod";
import { type App, defineApp } from "../../src/core/define-app.ts";
import {
  type AnyCapability,
  type CapabilityOptions,
  defineCapability,
  type StepContext,
} from "../../src/core/define-capability.ts";
import { defineWorkflow } from "../../src/core/define-workflow.ts";
import { JobFailedError, StepFailedError } from "../../src/core/errors.ts";
import type { Resources } from "../../src/core/resources.ts";
import { GATED, RATE, RATED, TENANT_LIMITS } from "./gated.ts";

/** Where a capability of the simulation finds the world's provider, as its own process reaches it. */
export interface SimulatedResources extends Resources {
  readonly provider: {
    call(capability: string, step: StepContext): Promise<{ text: string }>;
    /** The answer that it keeps under an id, if it does. */
    reattach(id: string, step: StepContext): Promise<{ text: string } | undefined>;
  };
}

const StepInput = z.object({ n: z.number() });
/** `text` names the one call that it came from. */
const StepOutput = z.object({ text: z.string() });
type StepOptions = CapabilityOptions<string, typeof StepInput, typeof StepOutput>;

const capability = (name: string, options: Partial<StepOptions> = {}) =>
  defineCapability<string, typeof StepInput, typeof StepOutput>({
    name,
    input: StepInput,
    output: StepOutput,
    retry: { maxAttempts: 3, baseDelayMs: 500, maxDelayMs: 20_000 },
    timeoutMs: 8_000,
    // Hardly longer than a call: what is late by a little is too late.
    leaseMs: 9_000,
    run: (_input, step) => (step.resources as SimulatedResources).provider.call(name, step),
    classify: (error) => ({ kind: (error as Error).name === "BusyError" ? "throttled" : "retryable" }),
    ...options,
  });

const quick = capability("quick");
const flaky = capability("flaky", { onExhausted: "throw" });
const careful = capability("careful", { onInDoubt: "hold", announce: true });
const stream = capability("stream", { timeoutMs: 20_000, leaseMs: 21_000 });
const kept = capability("kept", {
  onInDoubt: "hold",
  reattach: (id, _input, step) => (step.resources as SimulatedResources).provider.reattach(id, step),
});
const wide = capability("wide", { concurrency: 30, retry: { maxAttempts: 4, baseDelayMs: 200, maxDelayMs: 5_000 } });

export const CAPABILITIES: readonly AnyCapability[] = [quick, flaky, careful, stream, kept, wide];
/** Of each capability, for the check of a log. */
export const MAX_ATTEMPTS: ReadonlyMap<string, number> = new Map(
  CAPABILITIES.map(({ name, retry }) => [name, retry.maxAttempts]),
);

const JobInput = z.object({ n: z.number() });
/** How long a fan is by default. More than one message has room for. */
const FAN_STEPS = 11;

/**
 * The app of a deployment: from the second on, its workflows ask for more.
 *
 * @param limited its capabilities have gates, and its tenants limits
 */
export function simulatedApp(deployment: 1 | 2, limited: boolean): App {
  const changed = deployment === 2;
  const workflow = <Name extends string>(
    name: Name,
    run: (job: Parameters<Parameters<typeof defineWorkflow>[0]["run"]>[0], n: number) => Promise<unknown>,
  ) => defineWorkflow({ name, input: JobInput, output: z.any(), run: (job, { n }) => run(job, n) });

  const chain = workflow("chain", async (job, n) => {
    const a = await job.step("a", quick, { n });
    const b = await job.step("b", stream, { n });
    const c = changed ? await job.step("b2", quick, { n }) : undefined;
    const d = await job.step("c", careful, { n });
    return [a, b, c, d];
  });

  const parallel = workflow("parallel", async (job, n) => {
    const at = await job.now("begin");
    const [a, b, c] = await Promise.all([
      job.step("p/a", quick, { n }),
      job.step("p/b", flaky, { n }).catch((error: unknown) => {
        if (error instanceof StepFailedError) return job.step("p/instead", quick, { n });
        throw error;
      }),
      job.step("p/c", stream, { n }),
    ]);
    if (changed) await job.step("p/d", quick, { n });
    if ((await job.random("coin")) < 0.3) await job.step("p/e", careful, { n });
    return [at.getTime(), a, b, c];
  });

  const fan = workflow("fan", async (job, n) => {
    const parts = Array.from({ length: FAN_STEPS + (n % 8) }, (_, at) => job.step(`f/${at}`, wide, { n: at }));
    const found = await Promise.all(parts);
    const sum = await job.step("sum", quick, { n: found.length });
    return [sum, found.map(({ text }) => text)];
  });

  const race = workflow("race", async (job, n) => {
    const winner = await Promise.race([job.step("r/a", quick, { n }), job.step("r/b", stream, { n })]);
    if (n % 3 === 0) throw new JobFailedError("on purpose");
    return winner;
  });

  const faulty = workflow("faulty", async (job, n) => {
    const a = await job.step("a", quick, { n });
    // An odd one is never put right.
    if (!changed || n % 2 === 1) throw new TypeError("a bug");
    return [a, await job.step("b", quick, { n })];
  });

  const sleepy = workflow("sleepy", async (job, n) => {
    const a = await job.step("a", kept, { n });
    // Now and then longer than a queue can delay a message: then it is the reconciler that ends it.
    await job.sleep("rest", n % 5 === 0 ? 1_000_000 : 3_000 * (n % 20));
    const [b] = await Promise.all([job.step("b", quick, { n }), job.sleep("meanwhile", 2_000)]);
    return [a, b];
  });

  const asked = defineWorkflow({
    name: "asked",
    input: JobInput,
    output: z.any(),
    signals: { go: z.object({ by: z.string() }) },
    run: async (job, { n }) => {
      const a = await job.step("a", quick, { n });
      // Nobody need send it.
      const given = await Promise.race([job.signal("go"), job.sleep("patience", 4_000 * (n % 20))]);
      const b = await job.step(given === undefined ? "without" : "with", stream, { n });
      return [a, given, b];
    },
  });

  const workflows = [chain, parallel, fan, race, faulty, sleepy, asked];
  if (!limited) return defineApp({ workflows, capabilities: CAPABILITIES });
  const capabilities = CAPABILITIES.map(gated);
  return defineApp({ workflows, capabilities, rates: { [RATED]: RATE }, tenantLimits: TENANT_LIMITS });
}

function gated(capability: AnyCapability): AnyCapability {
  const { provider: name, tokens, ...limits } = GATED[capability.name] ?? {};
  const provider =
    name === undefined ? {} : { provider: () => ({ name, ...(tokens === undefined ? {} : { tokens }) }) };
  return { ...capability, ...limits, ...provider };
}

export const WORKFLOWS = [
  "chain",
  "chain",
  "parallel",
  "parallel",
  "fan",
  "race",
  "faulty",
  "sleepy",
  "sleepy",
  "asked",
] as const;
