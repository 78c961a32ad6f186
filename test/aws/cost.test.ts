import { expect, test } from "vitest";
import { z } from "zod";
import type { Resources } from "../../src/core/resources.ts";
import { defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";
import { countCapacity } from "../../src/testing/local-aws/capacity.ts";
import { deployLocally } from "../../src/testing/local-aws/local-deployment.ts";
import { stepCosts } from "../../src/testing/local-aws/step-cost.ts";

// The budgets are those of docs/decisions/2026-11-24-what-is-written-when.md.
test.each(["cold", "warm"] as const)(
  "a step in a %s container keeps to the budget, and at step 500 costs at most four times what it costs at step 5",
  async (container) => {
    const { early, late, last, submit } = await stepCosts(container);
    for (const cost of [early, late]) {
      expect(cost.writes).toBe(2);
      expect(cost.writeUnits).toBeLessThanOrEqual(4);
      expect(cost.reads + cost.s3Gets).toBeLessThanOrEqual(2);
      expect(cost.putEvents).toBe(1);
      expect(cost.entries).toBeLessThanOrEqual(2);
      expect(cost.conflicts).toBe(0);
      // A snapshot every 16 commits is one every 8 steps.
      expect(cost.s3Puts).toBeLessThanOrEqual(0.125);
    }
    expect(late.writeUnits).toBeLessThanOrEqual(4 * early.writeUnits);
    expect(late.readUnits).toBeLessThanOrEqual(4 * early.readUnits);
    // The item, and its copies in both indexes; and a look at what stands for the tenant's jobs to come.
    expect(submit).toMatchObject({
      writes: 1,
      writeUnits: 3,
      reads: 1,
      readUnits: 1,
      s3Gets: 0,
      putEvents: 1,
      entries: 2,
      s3Puts: 0,
    });
    // Claim, result and end, and the head with its copies: one changes, one goes.
    expect(last).toMatchObject({ writes: 3, s3Puts: 0, putEvents: 1, entries: 1 });
    expect(last.writeUnits).toBeLessThanOrEqual(4 + 3);
  },
);

const Number1 = z.object({ n: z.number() });
const slow = defineCapability({
  name: "slow",
  input: Number1,
  output: Number1,
  run: async (input) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    return input;
  },
});
const wide = defineWorkflow({
  name: "wide",
  input: z.object({ steps: z.number() }),
  output: z.number(),
  async run(job, { steps }) {
    return (await Promise.all(Array.from({ length: steps }, (_, n) => job.step(`s${n}`, slow, { n })))).length;
  },
});

test("100 parallel steps of 500 ms in ten containers make at most one conflicting append a step", async () => {
  const app = defineApp({ workflows: [wide], capabilities: [slow] });
  const deployment = await deployLocally({ app, resources: {} as Resources, containers: 10, batchSize: 1 });
  try {
    deployment.startWorkers();
    const counter = countCapacity(deployment.aws);
    const { body } = await deployment.submit("wide", { steps: 100 });
    expect((await deployment.ended(body.id)).result).toBe(100);
    const { conflicts } = counter.take();
    expect(conflicts).toBeLessThanOrEqual(100);
  } finally {
    await deployment.close();
  }
});
