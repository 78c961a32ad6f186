import { expect, test } from "vitest";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

test("a step that could not be claimed gives its tenant's place back", async () => {
  let calls = 0;
  const job = await jobOfOneStep(
    (input) => {
      calls += 1;
      return input;
    },
    { tenantConcurrency: 1 },
  );
  const { limits, log } = job.engine;
  const enter = () => {
    const nowMs = job.clock.now();
    return limits.enter(`only:${TENANT}`, "another", { most: 1, nowMs, untilMs: nowMs + 1_000 });
  };
  const runtime = job.runtimeOf("worker-1", {
    log: {
      async append() {
        expect(await enter()).toBe(false);
        throw new Error("the log is gone");
      },
      read: (...of) => log.read(...of),
      tail: (...of) => log.tail(...of),
    },
  });
  await expect(job.come(runtime)).rejects.toThrow("the log is gone");
  expect(await enter()).toBe(true);
  expect(calls).toBe(0);
});
