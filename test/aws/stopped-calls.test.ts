import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import type { Resources } from "../../src/core/resources.ts";
import { defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";

const Text = z.object({ text: z.string() });
let begun: PromiseWithResolvers<AbortSignal>;
const endless = defineCapability({
  name: "endless",
  input: Text,
  output: Text,
  timeoutMs: 60_000,
  run: (_, { signal }) => {
    begun.resolve(signal);
    return new Promise(() => {});
  },
});
const flow = defineWorkflow({
  name: "flow",
  input: Text,
  output: Text,
  run: (job, input) => job.step("only", endless, input),
});
const app = defineApp({ workflows: [flow], capabilities: [endless] });

let deployment: LocalDeployment;
afterEach(() => deployment.close());

test("a job that one function cancels stops the call that another is making for it", async () => {
  begun = Promise.withResolvers();
  deployment = await deployLocally({
    app,
    resources: {} as Resources,
    containers: 1,
    wrap: (engine) => {
      // It looks now and then; here more often.
      expect(engine.stopPollMs).toBeGreaterThan(0);
      return { ...engine, stopPollMs: 20 };
    },
  });
  deployment.startWorkers();
  const { id } = (await deployment.submit("flow", { text: "x" })).body;
  const signal = await begun.promise;
  expect(signal.aborted).toBe(false);
  const stopped = new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason)));
  expect((await deployment.command("cancel", id)).body.status).toBe("cancelled");
  expect(await stopped).toMatchObject({ name: "CallStoppedError" });
  const { queue } = deployment.newRuntime();
  for (;;) {
    const { ready, delayed, inFlight, deadLetters } = await queue.stats("endless");
    if (ready + delayed + inFlight + deadLetters === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  expect((await deployment.events(id)).body.events.at(-1)?.type).toBe("job.cancelled");
});
