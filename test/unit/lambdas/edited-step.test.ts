import { expect, test } from "vitest";
import { redriveJob } from "../../../lambdas/commands/commands.ts";
import { TerminalError } from "../../../src/index.ts";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

test("an edited input is another request to a provider that honours idempotency keys; the same input is the same one", async () => {
  const requests = new Map<string, string>();
  const keys: string[] = [];
  let isDown = true;
  const job = await jobOfOneStep(({ text }, { idempotencyKey }) => {
    keys.push(idempotencyKey);
    const before = requests.get(idempotencyKey);
    if (before !== undefined && before !== text) throw new TerminalError("the key is another request's");
    requests.set(idempotencyKey, text);
    if (isDown || text === "bad") throw new TerminalError("no answer");
    return { text: `answer to ${text}` };
  });
  const of = { tenant: TENANT, jobId: job.jobId };
  const redrive = async (edit: object = {}): Promise<void> => {
    const coming = redriveJob(of, edit, job.runtime).then(() => job.come());
    await job.clock.advance(1_000);
    await coming;
  };
  await job.come();
  await redrive();
  await redrive({ input: { text: "bad" } });
  isDown = false;
  await redrive({ input: { text: "good" } });
  expect(await job.state()).toMatchObject({ status: "completed", output: [{ text: "answer to good" }] });
  expect([...requests.values()]).toEqual(["in", "bad", "good"]);
  expect(keys).toHaveLength(4);
  expect(keys[1]).toBe(keys[0]);
  expect(keys[0]).toBe(`${job.jobId}/s/0`);
});
