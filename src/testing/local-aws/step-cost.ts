import { z } from "zod";
import { work } from "../../../lambdas/worker/worker.ts";
import type { JobId, TenantId } from "../../contract/ids.ts";
import { defineApp } from "../../core/define-app.ts";
import { defineCapability } from "../../core/define-capability.ts";
import { defineWorkflow } from "../../core/define-workflow.ts";
import type { Resources } from "../../core/resources.ts";
import { type Capacity, countCapacity } from "./capacity.ts";
import { deployLocally } from "./local-deployment.ts";

/** A result of 1 KB as JSON that does not compress to nothing. */
const answer = (n: number): string =>
  Array.from({ length: 200 }, (_, k) => (Math.imul(n * 131 + k + 1, 2654435761) >>> 0).toString(36))
    .join(" ")
    .slice(0, 1_000);

const echo = defineCapability({
  name: "echo",
  input: z.object({ n: z.number() }),
  output: z.object({ text: z.string() }),
  run: ({ n }) => ({ text: answer(n) }),
});
const chain = defineWorkflow({
  name: "chain",
  input: z.object({ steps: z.number() }),
  output: z.number(),
  async run(job, { steps }) {
    for (let n = 0; n < steps; n++) await job.step(`s${n}`, echo, { n });
    return steps;
  },
});
const app = defineApp({ workflows: [chain], capabilities: [echo] });

export interface StepCosts {
  /** Means over steps around the 5th and around the 500th. */
  readonly early: Capacity;
  readonly late: Capacity;
  /** All that submitting makes. */
  readonly submit: Capacity;
  /** The last step, with the job's end. */
  readonly last: Capacity;
}

const STEPS = 510;

/**
 * Everything that one step of a chain makes, with results of 1 KB. Cold: each step in a container that has never seen
 * the job, the dearest case; warm: in the one that did the step before.
 */
export async function stepCosts(container: "cold" | "warm"): Promise<StepCosts> {
  const deployment = await deployLocally({ app, resources: {} as Resources });
  try {
    const counter = countCapacity(deployment.aws);
    const { body } = await deployment.submit("chain", { steps: STEPS });
    const submit = counter.take();
    const costs: Capacity[] = [];
    let runtime = deployment.newRuntime();
    for (let n = 0; n < STEPS; n++) {
      if (container === "cold") runtime = deployment.newRuntime();
      const about = { tenant: "acme" as TenantId, jobId: body.id as JobId, seq: 2 + n * 3 };
      await work({ capability: "echo", detail: { ...about, stepIds: [`s${n}`] } }, runtime);
      costs.push(counter.take());
    }
    const last = costs.at(-1);
    if (last === undefined) throw new Error("unreachable");
    return { submit, early: mean(costs.slice(2, 10)), late: mean(costs.slice(492, 508)), last };
  } finally {
    await deployment.close();
  }
}

function mean(costs: readonly Capacity[]): Capacity {
  const of = (key: keyof Capacity): number => costs.reduce((sum, cost) => sum + cost[key], 0) / costs.length;
  return {
    writes: of("writes"),
    writeUnits: of("writeUnits"),
    reads: of("reads"),
    readUnits: of("readUnits"),
    conflicts: of("conflicts"),
    s3Puts: of("s3Puts"),
    s3Gets: of("s3Gets"),
    putEvents: of("putEvents"),
    entries: of("entries"),
  };
}
