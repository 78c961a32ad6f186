import { afterEach, expect, test } from "vitest";
import app from "../../app/sluice.ts";
import { systemClock } from "../../src/engines/shared/system-clock.ts";
import { loadResources } from "../../src/host/load-resources.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";

const QUERY = "How are SQS queues encrypted by default, and what is 12 * (3 + 4)?";
const resources = loadResources(app, { dataDir: undefined });
let deployment: LocalDeployment | undefined;
afterEach(async () => {
  await deployment?.close();
});

test("the analysis job runs through the AWS adapters and the Lambda handlers to its cited answer", async () => {
  deployment = await deployLocally({ app, resources });
  const accepted = await deployment.submit("analysis", { query: QUERY });
  expect(accepted).toMatchObject({ status: 202, body: { status: "running" } });
  deployment.startWorkers();
  const job = await deployment.ended(accepted.body.id);
  expect(job.status).toBe("completed");
  const result = job.result as { answer: string; sources: unknown[]; toolCalls: { name: string }[] };
  expect(result.answer).toContain("= 84");
  expect(result.sources.length).toBeGreaterThan(0);
  expect(result.toolCalls.map(({ name }) => name)).toContain("calculator");
  const { body } = await deployment.events(job.id);
  expect(body.events.map(({ seq }) => seq)).toEqual(body.events.map((_, n) => n + 1));
  expect(body).toMatchObject({ ended: true });
  expect(body.events.at(-1)?.type).toBe("job.completed");
  expect(deployment.errors).toEqual([]);
});

test("a job of another tenant is not there", async () => {
  deployment = await deployLocally({ app, resources });
  const { body } = await deployment.submit("analysis", { query: QUERY });
  expect(await deployment.job(body.id, "other")).toMatchObject({ status: 404 });
});

test("an idempotency key stands for one job, whichever container is asked", async () => {
  deployment = await deployLocally({ app, resources });
  const headers = { "idempotency-key": "order-1" };
  const first = await deployment.submit("analysis", { query: QUERY }, headers);
  const again = await deployment.submit("analysis", { query: QUERY }, headers);
  expect(again.body.id).toBe(first.body.id);
  expect(again.headers["idempotency-replayed"]).toBe("true");
  expect(await deployment.submit("analysis", { query: "Another?" }, headers)).toMatchObject({ status: 422 });
  expect((await deployment.submit("analysis", { query: QUERY }, headers, "other")).body.id).not.toBe(first.body.id);
});

test("messages that the bus lost are published again by the reconciler, and the job ends", async () => {
  let aheadMs = 0;
  const clock = { ...systemClock, now: () => Date.now() + aheadMs };
  deployment = await deployLocally({ app, resources, clock });
  deployment.aws.eventBus.fault = () => "lose";
  const { body } = await deployment.submit("analysis", { query: QUERY });
  deployment.aws.eventBus.fault = () => "take";
  deployment.startWorkers();
  await deployment.reconcile();
  expect((await deployment.job(body.id)).body.seq).toBe(body.seq);
  aheadMs = 61_000;
  await deployment.reconcile();
  expect(await deployment.ended(body.id)).toMatchObject({ status: "completed" });
});

test("a bus that refuses some entries gets these again, and no others", async () => {
  deployment = await deployLocally({ app, resources });
  deployment.aws.eventBus.fault = (n) => (n === 2 ? "refuse" : "take");
  const { body } = await deployment.submit("analysis", { query: QUERY });
  expect(deployment.aws.eventBus).toMatchObject({ calls: 2, entries: 3 });
  deployment.startWorkers();
  expect(await deployment.ended(body.id)).toMatchObject({ status: "completed" });
});
