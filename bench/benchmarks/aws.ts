import { z } from "zod";
import { defineApp } from "../../src/core/define-app.ts";
import { defineCapability } from "../../src/core/define-capability.ts";
import { defineWorkflow } from "../../src/core/define-workflow.ts";
import type { Resources } from "../../src/core/resources.ts";
import { type Capacity, countCapacity } from "../../src/testing/local-aws/capacity.ts";
import { deployLocally } from "../../src/testing/local-aws/local-deployment.ts";
import { stepCosts } from "../../src/testing/local-aws/step-cost.ts";
import { median, type Report } from "../report.ts";

const STEPS = 100;
const STEP_MS = 500;
const CONTAINERS = 10;

/** The AWS engine on local servers: what a step asks of the services, and many parallel steps in one job. */
export async function aws(quick: boolean): Promise<Report> {
  const cold = await stepCosts("cold");
  const warm = await stepCosts("warm");
  const wide = await measureWide(quick ? 3 : 10);
  const row = (what: string, cost: Capacity) => [
    what,
    cost.writes,
    cost.writeUnits,
    cost.reads,
    cost.readUnits,
    cost.s3Puts,
    cost.s3Gets,
    cost.entries,
  ];
  return {
    tables: [
      {
        title: "What a step asks of AWS (results of 1 KB; counted on dynalite and fauxqs)",
        columns: ["", "writes", "write units", "reads", "read units", "S3 puts", "S3 gets", "bus entries"],
        rows: [
          row("submit", cold.submit),
          row("cold container, around step 5", cold.early),
          row("cold container, around step 500", cold.late),
          row("warm container, around step 5", warm.early),
          row("warm container, around step 500", warm.late),
          row("the last step and the job's end", warm.last),
        ],
      },
      {
        title: `Wide on AWS: ${STEPS} parallel steps of ${STEP_MS} ms in one job, ${CONTAINERS} containers`,
        columns: ["job p50 ms", "job worst ms", "÷ ideal", "conflicting appends a step", "write units a step"],
        rows: [[wide.wallMs, wide.worstMs, wide.wallMs / STEP_MS, wide.conflicts, wide.writeUnits]],
      },
    ],
    checks: [
      { what: "AWS: DynamoDB writes a step", got: cold.late.writes, unit: "", target: { atMost: 3 } },
      { what: "AWS: write units a step", got: cold.late.writeUnits, unit: "", target: { atMost: 4 } },
      {
        what: "AWS: reads a step, cold container",
        got: cold.late.reads + cold.late.s3Gets,
        unit: "",
        target: { atMost: 2 },
      },
      {
        what: "AWS: read units, step 500 ÷ step 5",
        got: cold.late.readUnits / cold.early.readUnits,
        unit: "",
        target: { atMost: 4 },
      },
      { what: "AWS: 100 parallel steps: conflicts a step", got: wide.conflicts, unit: "", target: { atMost: 1 } },
      { what: "AWS: 100 parallel steps: wall ÷ ideal", got: wide.wallMs / STEP_MS, unit: "", target: { atMost: 2 } },
    ],
    data: { cold, warm, wide },
  };
}

async function measureWide(jobs: number) {
  const slow = defineCapability({
    name: "slow",
    input: z.object({ n: z.number() }),
    output: z.object({ n: z.number() }),
    run: async (input) => {
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
      return input;
    },
  });
  const workflow = defineWorkflow({
    name: "wide",
    input: z.object({ steps: z.number() }),
    output: z.number(),
    async run(job, { steps }) {
      return (await Promise.all(Array.from({ length: steps }, (_, n) => job.step(`s${n}`, slow, { n })))).length;
    },
  });
  const app = defineApp({ workflows: [workflow], capabilities: [slow] });
  const deployment = await deployLocally({ app, resources: {} as Resources, containers: CONTAINERS, batchSize: 1 });
  try {
    deployment.startWorkers();
    const counter = countCapacity(deployment.aws);
    const walls: number[] = [];
    for (let n = 0; n <= jobs; n++) {
      const startedMs = performance.now();
      const { body } = await deployment.submit("wide", { steps: STEPS });
      await deployment.ended(body.id);
      // The first one meets containers that have just started.
      if (n > 0) walls.push(performance.now() - startedMs);
      else counter.take();
    }
    const { conflicts, writeUnits } = counter.take();
    return {
      wallMs: median(walls),
      worstMs: Math.max(...walls),
      conflicts: conflicts / jobs / STEPS,
      writeUnits: writeUnits / jobs / STEPS,
    };
  } finally {
    await deployment.close();
  }
}
