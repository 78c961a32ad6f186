import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { advanceQueue } from "../../src/contract/messages.ts";
import type { Ports } from "../../src/core/runtime.ts";
import { noDocuments } from "../../src/corpus/no-documents.ts";
import { defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";

/** Old and new code at once, as gradual deployment has them: docs/decisions/2026-11-25-gradual-deployment.md. */
const Count = z.object({ n: z.number() });
const plusOne = defineCapability({ name: "plus-one", input: Count, output: Count, run: ({ n }) => ({ n: n + 1 }) });
const STEPS = 4;
const chain = defineWorkflow({
  name: "chain",
  input: Count,
  output: Count,
  async run(job, input) {
    let { n } = input;
    for (let step = 0; step < STEPS; step++) ({ n } = await job.step(`step/${step}`, plusOne, { n }));
    return { n };
  },
});
const app = defineApp({ workflows: [chain], capabilities: [plusOne] });
const resources = { tools: app.tools, model: app.model, price: undefined, corpus: noDocuments };

const [OLD, NEW, ROLLED_BACK] = [1, 2, 3];

let deployment: LocalDeployment;
afterEach(() => deployment.close());

/** Resolves once all have ended, with how often a workflow's message was left to newer code. */
async function allEnd(deploySeqOf: (path: string) => number, jobs: number): Promise<number> {
  let left = 0;
  const countDeferrals = (engine: Ports): Ports => {
    const defer = engine.queue.defer.bind(engine.queue);
    engine.queue.defer = (queueName, ...rest) => {
      if (queueName === advanceQueue("chain")) left += 1;
      return defer(queueName, ...rest);
    };
    return engine;
  };
  deployment = await deployLocally({ app, resources, deploySeqOf, wrap: countDeferrals });
  const submitted = await Promise.all(Array.from({ length: jobs }, (_, n) => deployment.submit("chain", { n })));
  deployment.startWorkers();
  const ended = await Promise.all(submitted.map(({ body }) => deployment.ended(body.id)));
  expect(ended.map(({ result }) => result)).toEqual(ended.map((_, n) => ({ n: n + STEPS })));
  expect(deployment.errors).toEqual([]);
  return left;
}

test("while some workers have new code and some have old, jobs go on at once: the workflow's own queue has the newest", async () => {
  let containers = 0;
  const seqOf = (path: string): number => {
    if (path.endsWith("Capability-plus-one/Worker")) return containers++ % 2 === 0 ? OLD : NEW;
    return path.includes("Workflow-") ? NEW : OLD;
  };
  expect(await allEnd(seqOf, 12)).toBe(0);
  expect(containers).toBeGreaterThan(1);
});

test("when the workers went back to old code, jobs that the new has worked on go on at once, too", async () => {
  // What is not released by alias has the number that the rollback was given.
  const seqOf = (path: string): number => {
    if (path === "Sluice/Api/Submit") return NEW;
    return path.includes("Workflow-") ? ROLLED_BACK : OLD;
  };
  expect(await allEnd(seqOf, 4)).toBe(0);
});
