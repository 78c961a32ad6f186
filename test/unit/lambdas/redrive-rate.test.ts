import { expect, test } from "vitest";
import { redriveAll } from "../../../lambdas/dead-letters/dead-letters.ts";
import { TerminalError } from "../../../src/index.ts";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

test.each([
  [0.5, [0, 2_000, 4_000]],
  [2, [0, 500, 1_000]],
])("dead letters are redriven at %d a second", async (ratePerSecond, startsMs) => {
  const job = await jobOfOneStep(
    () => {
      throw new TerminalError("no");
    },
    { steps: 3 },
  );
  const coming = job.come();
  await job.clock.advance(1_000);
  await coming;
  const begunMs = job.clock.now();
  const request = { limit: 10, ratePerSecond, capability: "only" };
  const { redriven } = await redriveAll(TENANT, request as never, job.runtime);
  expect(redriven.map(({ notBefore }) => Date.parse(notBefore) - begunMs)).toEqual(startsMs);
  const { steps } = await job.state();
  const waits = [...steps.values()].map(({ retryAtMs }) => (retryAtMs ?? begunMs) - begunMs);
  expect(waits.sort((a, b) => a - b)).toEqual(startsMs);
});
