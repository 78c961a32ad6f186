import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { SET_ASIDE_MS } from "../../src/core/judge-dead-letter.ts";
import type { Resources } from "../../src/core/resources.ts";
import { systemClock } from "../../src/engines/shared/system-clock.ts";
import { defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";
import { killEachConsumer } from "./kill-each-consumer.ts";
import { moveMessages } from "./move-messages.ts";

// What kills each process that works on it must come to a person, not go round for ever.

const Text = z.object({ text: z.string() });
const WORKER = "Sluice/Pipeline/Capability-deadly/Worker";
const RERUNS = 3;
let die: () => Promise<never>;
let mended = false;
const deadly = defineCapability({
  name: "deadly",
  input: Text,
  output: Text,
  timeoutMs: 60_000,
  maxReruns: RERUNS,
  run: (input) => (mended ? input : die()),
});
const flow = defineWorkflow({
  name: "flow",
  input: Text,
  output: Text,
  run: (job, input) => job.step("only", deadly, input),
});
const app = defineApp({ workflows: [flow], capabilities: [deadly] });

let aheadMs = 0;
let deaths = 0;
let deployment: LocalDeployment;
afterEach(() => deployment.close());

async function deploy(): Promise<void> {
  mended = false;
  aheadMs = 0;
  deaths = 0;
  deployment = await deployLocally({
    app,
    resources: {} as Resources,
    containers: 1,
    clock: { ...systemClock, now: () => Date.now() + aheadMs },
    around: async ({ function: path }, invoke) => {
      if (path !== WORKER) return invoke();
      const { promise, reject } = Promise.withResolvers<never>();
      die = () => {
        deaths += 1;
        reject(new Error("the process is gone"));
        return new Promise(() => {});
      };
      return Promise.race([invoke(), promise]);
    },
  });
}

const log = async (id: string) => (await deployment.events(id)).body.events;
const untilDeath = async (n: number): Promise<void> => {
  while (deaths < n) await new Promise((resolve) => setTimeout(resolve, 10));
};

test("a step whose worker dies in each call waits for a person after as many reruns as its capability allows", async () => {
  await deploy();
  deployment.startWorkers();
  const { id } = (await deployment.submit("flow", { text: "x" })).body;
  for (let death = 1; death <= RERUNS + 1; death++) {
    await untilDeath(death);
    // The lease of the dead is over; its message is still in nobody's hands.
    aheadMs += 1_000_000;
    await deployment.reconcile();
  }
  await deployment.ended(id, ["dead-lettered"]);
  const events = await log(id);
  expect(deaths).toBe(RERUNS + 1);
  const doubts = events.filter(({ type }) => type === "step.in_doubt");
  expect(doubts).toMatchObject([
    ...Array.from({ length: RERUNS }, (_, n) => ({ attempt: n + 1, policy: "rerun" })),
    { attempt: RERUNS + 1, policy: "hold" },
  ]);
  const last = events.at(-1);
  expect(last).toMatchObject({ type: "step.dead_lettered", error: { name: "InDoubtError" } });
  const { queue } = deployment.newRuntime();
  while ((await queue.stats("deadly")).deadLetters === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await queue.deadLetters("deadly", 10)).toMatchObject([{ seq: last?.seq }]);
});

test("a message that kills whoever takes it, before anything is on record, becomes a dead letter of the log", async () => {
  await deploy();
  const { id } = (await deployment.submit("flow", { text: "x" })).body;
  await killEachConsumer(deployment.aws, "deadly");
  // It is asked for again, and kills again.
  await deployment.reconcile();
  aheadMs += SET_ASIDE_MS / 2;
  await deployment.reconcile();
  await killEachConsumer(deployment.aws, "deadly");
  expect((await log(id)).map(({ type }) => type)).toEqual(["job.submitted", "step.requested"]);
  aheadMs += SET_ASIDE_MS / 2;
  await deployment.reconcile();
  const last = (await log(id)).at(-1);
  expect(last).toMatchObject({ type: "step.dead_lettered", stepId: "only", error: { name: "SetAsideError" } });
  expect((await deployment.job(id)).body.status).toBe("dead-lettered");
  const { deadLetters } = (await deployment.deadLetters()).body;
  expect(deadLetters).toMatchObject([{ jobId: id, stepId: "only", seq: last?.seq }]);
  // What is left of the message's copies goes, and may have left the letter twice for a run; it stays, and leads back.
  for (let runs = 0; runs < 2; runs++) await deployment.reconcile();
  expect((await deployment.newRuntime().queue.deadLetters("deadly", 10)).map(({ seq }) => seq)).toEqual([last?.seq]);
  mended = true;
  deployment.startWorkers();
  await moveMessages(deployment.aws, "deadly");
  expect(await deployment.ended(id)).toMatchObject({ status: "completed" });
});
