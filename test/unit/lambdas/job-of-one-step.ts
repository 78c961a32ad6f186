import { afterEach } from "vitest";
import { z } from "zod";
import { submit } from "../../../lambdas/submit/submit.ts";
import { type StepRequest, work } from "../../../lambdas/worker/worker.ts";
import type { SubmitRequest } from "../../../src/contract/api.ts";
import { eventsOf, type JobEvent } from "../../../src/contract/events.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { type CapabilityOptions, defineCapability, type StepContext } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { readCommits, readState } from "../../../src/core/read-job.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { createRuntime, type Ports, type Runtime } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Text = z.object({ text: z.string() });
const silent = { debug() {}, info() {}, warn() {}, error() {} };
export const TENANT = "acme" as TenantId;
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

export type Run = (input: { text: string }, step: StepContext) => unknown;
type Options = Partial<CapabilityOptions<"only", typeof Text, typeof Text>>;

/**
 * A job whose workflow asks for steps `s/0`, `s/1` … of one capability, and nothing that works on it but the test. It ends
 * with the last of them, or, as a `race`, with the first.
 */
export async function jobOfOneStep(
  run: Run,
  {
    steps = 1,
    race = false,
    submitted,
    ...options
  }: Options & { steps?: number; race?: boolean; submitted?: SubmitRequest["options"] } = {},
) {
  const only = defineCapability({ name: "only", input: Text, output: Text, ...options, run: run as never });
  const flow = defineWorkflow({
    name: "flow",
    input: Text,
    output: z.array(Text),
    async run(job, input) {
      const results = Array.from({ length: steps }, (_, n) => job.step(`s/${n}`, only, input));
      return race ? [await Promise.race(results)] : Promise.all(results);
    },
  });
  const app = defineApp({ workflows: [flow], capabilities: [only] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  /** A process of this name, alive as far as others know, whose ports may be others. */
  const runtimeOf = (holder: string, ports: Partial<Ports> = {}): Runtime =>
    createRuntime(
      { ...engine, holder, isGone: () => false, ...ports },
      { app, resources: {} as Resources, logger: silent },
    );
  const runtime = runtimeOf("worker-1");
  const request = { workflow: "flow", input: { text: "in" }, ...(submitted ? { options: submitted } : {}) };
  const about = { tenant: TENANT, idempotencyKey: undefined, traceparent: undefined };
  const { job } = await submit({ ...about, request }, runtime);
  const jobId = job.id as JobId;
  const detail = { tenant: TENANT, jobId, seq: steps + 1, stepIds: Array.from({ length: steps }, (_, n) => `s/${n}`) };
  const events = async (): Promise<JobEvent[]> => (await readCommits(engine, jobId)).commits.flatMap(eventsOf);
  return {
    engine,
    clock,
    runtime,
    runtimeOf,
    jobId,
    detail,
    events,
    /** The types of the last commit's events. */
    lastCommit: async () => (await readCommits(engine, jobId)).commits.at(-1)?.events.map(({ type }) => type),
    types: async () => (await events()).map(({ type }) => type),
    state: async () => {
      const state = await readState(engine, jobId);
      if (state === undefined) throw new Error("there is no job");
      return state;
    },
    /** Its message comes to a process, once. */
    come: (by: Runtime = runtime, request: Partial<StepRequest> = {}) =>
      work({ capability: "only", detail, ...request }, by),
  };
}
