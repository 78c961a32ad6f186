import { expect, test } from "vitest";
import { redriveJob } from "../../../lambdas/commands/commands.ts";
import { redriveAll } from "../../../lambdas/dead-letters/dead-letters.ts";
import { RedriveAllRequest, type SubmitRequest } from "../../../src/contract/api.ts";
import { TerminalError } from "../../../src/index.ts";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

/** A job of three dead letters. */
async function threeLetters(submitted?: SubmitRequest["options"]) {
  const job = await jobOfOneStep(
    () => {
      throw new TerminalError("no");
    },
    { steps: 3, ...(submitted ? { submitted } : {}) },
  );
  const coming = job.come();
  await job.clock.advance(1_000);
  await coming;
  const redrive = (request: object) => redriveAll(TENANT, RedriveAllRequest.parse(request), job.runtime);
  return { ...job, redrive };
}

test.each([
  [0.5, [0, 2_000, 4_000]],
  [2, [0, 500, 1_000]],
])("dead letters are redriven at %d a second", async (ratePerSecond, startsMs) => {
  const job = await threeLetters();
  const begunMs = job.clock.now();
  const { redriven } = await job.redrive({ ratePerSecond, capability: "only" });
  expect(redriven.map(({ notBefore }) => Date.parse(notBefore) - begunMs)).toEqual(startsMs);
  const { steps } = await job.state();
  const waits = [...steps.values()].map(({ retryAtMs }) => (retryAtMs ?? begunMs) - begunMs);
  expect(waits.sort((a, b) => a - b)).toEqual(startsMs);
});

test("the rate goes on from one page to the next, from now on once that is later", async () => {
  const job = await threeLetters();
  const begunMs = job.clock.now();
  const page = async (request: object) => {
    const { redriven, next } = await job.redrive({ ratePerSecond: 0.1, limit: 1, ...request });
    return { startsMs: redriven.map(({ notBefore }) => Date.parse(notBefore) - begunMs), cursor: next };
  };
  const first = await page({});
  expect(first.startsMs).toEqual([0]);
  const second = await page({ cursor: first.cursor });
  expect(second.startsMs).toEqual([10_000]);
  await job.clock.advance(60_000);
  expect((await page({ cursor: second.cursor })).startsMs).toEqual([60_000]);
});

test("what would come to its turn only at its job's deadline or later is left to wait, and told", async () => {
  const job = await threeLetters({ deadlineMs: 11_000 });
  const { deadlineMs } = await job.state();
  expect(deadlineMs - job.clock.now()).toBe(10_000);
  const { redriven, failed } = await job.redrive({ ratePerSecond: 0.1 });
  expect(redriven).toMatchObject([{ stepId: "s/0" }]);
  const detail = expect.stringContaining("deadline");
  expect(failed).toMatchObject([
    { stepId: "s/1", status: 409, detail },
    { stepId: "s/2", status: 409, detail },
  ]);
  const { steps } = await job.state();
  expect([...steps.values()].map(({ status }) => status)).toEqual(["requested", "dead-lettered", "dead-lettered"]);
  expect((await job.redrive({ ratePerSecond: 1 })).redriven).toHaveLength(2);
});

test("what waits for its turn is brought forward or answered by hand by whoever names it", async () => {
  const job = await threeLetters();
  await job.redrive({ ratePerSecond: 0.01 });
  const of = { tenant: TENANT, jobId: job.jobId };
  const waiting = await job.state();
  await redriveJob(of, {}, job.runtime);
  expect(await job.state()).toEqual(waiting);
  await redriveJob(of, { stepId: "s/1", result: { text: "by hand" } }, job.runtime);
  await redriveJob(of, { stepId: "s/2" }, job.runtime);
  const { steps } = await job.state();
  expect([...steps.values()].map(({ status }) => status)).toEqual(["requested", "completed", "requested"]);
  const messages = await job.engine.queue.receive("only", 10, 60_000);
  expect(messages.map(({ message }) => message.detail.stepIds)).toContainEqual(["s/2"]);
});
