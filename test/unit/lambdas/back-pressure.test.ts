import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from "aws-lambda";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { type CapabilityList, JobView } from "../../../src/contract/api.ts";
import type { TenantId } from "../../../src/contract/ids.ts";
import { topics } from "../../../src/contract/messages.ts";
import { type AppOptions, defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { type Embedded, startEmbedded } from "../../../src/host/host.ts";
import { message } from "../../../src/testing/contracts/fixtures.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const WORK_MS = 10_000;
const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => complaints.push(message) };
const complaints: string[] = [];
let clock: VirtualClock;
let embedded: Embedded;

/** Two steps at once, each of ten seconds of the virtual clock: one is done in five. */
function start(limits: Pick<AppOptions, "tenantLimits">, maxBacklog?: number): void {
  clock = new VirtualClock();
  const work = defineCapability({
    name: "work",
    input: z.json(),
    output: z.json(),
    concurrency: 2,
    batchSize: 1,
    ...(maxBacklog === undefined ? {} : { maxBacklog }),
    run: (input) => new Promise((resolve) => void clock.setTimer(WORK_MS, () => resolve(input))),
  });
  const flow = defineWorkflow({
    name: "flow",
    input: z.json(),
    output: z.json(),
    run: (job, input) => job.step("only", work, input),
  });
  const idle = defineWorkflow({ name: "idle", input: z.json(), output: z.json(), run: async (_, input) => input });
  const broken = defineWorkflow({
    name: "broken",
    input: z.json(),
    output: z.json(),
    run: async () => {
      throw new TypeError("a bug of the last deployment");
    },
  });
  const app = defineApp({ workflows: [flow, idle, broken], capabilities: [work], ...limits });
  embedded = startEmbedded({ app, resources: {} as Resources, logger, dataDir: undefined, clock });
}
afterEach(async () => {
  await clock.advance(0);
  await embedded.close(0);
  expect(complaints.splice(0)).toEqual([]);
});

interface Ask {
  readonly key?: string;
  readonly tenant?: string;
  readonly workflow?: string;
}

async function submit({ key, tenant = "acme", workflow = "flow" }: Ask = {}): Promise<APIGatewayProxyResult> {
  const event = {
    path: "/v1/jobs",
    resource: "/v1/jobs",
    headers: { "content-type": "application/json", ...(key === undefined ? {} : { "idempotency-key": key }) },
    pathParameters: null,
    requestContext: { requestId: "1", path: "/v1/jobs", authorizer: { tenant } },
    body: JSON.stringify({ workflow, input: 1 }),
  } as unknown as APIGatewayProxyEvent;
  return embedded.handlers.submit(event, {} as Context);
}
const statuses = async (count: number, ask?: Ask): Promise<number[]> => {
  const codes: number[] = [];
  for (let n = 0; n < count; n++) codes.push((await submit(ask)).statusCode);
  return codes;
};
const header = ({ headers }: APIGatewayProxyResult, name: string) => headers?.[name];
const retryAfterMs = (result: APIGatewayProxyResult): number => 1_000 * Number(header(result, "retry-after"));
const idOf = (result: APIGatewayProxyResult): string => JobView.parse(JSON.parse(result.body)).id;

describe("jobs a minute", () => {
  it("are had at once after a pause, then refused for exactly as long as is said", async () => {
    start({ tenantLimits: { jobsPerMinute: 6 } });
    expect(await statuses(6)).toEqual(Array(6).fill(202));
    const refused = await submit();
    expect(refused.statusCode).toBe(429);
    expect(JSON.parse(refused.body)).toMatchObject({
      title: "Too many jobs",
      detail: expect.stringContaining("6 jobs"),
    });
    expect(retryAfterMs(refused)).toBe(10_000);
    await clock.advance(9_000);
    const early = await submit();
    expect([early.statusCode, retryAfterMs(early)]).toEqual([429, 1_000]);
    await clock.advance(1_000);
    expect(await statuses(2)).toEqual([202, 429]);
  });

  it("are told on every answer: what is allowed, and what is left", async () => {
    start({ tenantLimits: { jobsPerMinute: 6, jobsInFlight: 100 } });
    const policy = '"jobs-per-minute";q=6;w=60, "jobs-in-flight";q=100;qu="concurrent-requests"';
    const first = await submit();
    expect(header(first, "ratelimit-policy")).toBe(policy);
    expect(header(first, "ratelimit")).toBe('"jobs-per-minute";r=5;t=10');
    await statuses(4);
    expect(header(await submit(), "ratelimit")).toBe('"jobs-per-minute";r=0;t=60');
    const refused = await submit();
    expect(header(refused, "ratelimit")).toBe('"jobs-per-minute";r=0;t=10');
    expect(header(refused, "ratelimit-policy")).toBe(policy);
    const wrong = await submit({ workflow: "nope" });
    expect([wrong.statusCode, header(wrong, "ratelimit-policy")]).toEqual([400, policy]);
  });

  it.each([1, 7, 59, 1_000, 60_000])(
    "at %i a minute, a minute's pause gives exactly so many",
    async (jobsPerMinute) => {
      start({ tenantLimits: { jobsPerMinute } });
      const { limits } = embedded.runtime;
      const ask = { costMs: 60_000 / jobsPerMinute, burstMs: 60_000.5 };
      for (let n = 0; n < jobsPerMinute - 1; n++) await limits.reserve("jobs#acme", { ...ask, nowMs: clock.now() });
      expect(await statuses(2, { workflow: "idle" })).toEqual([202, 429]);
    },
  );

  it("are each tenant's own", async () => {
    start({ tenantLimits: { jobsPerMinute: 1 } });
    expect(await statuses(2)).toEqual([202, 429]);
    expect(await statuses(2, { tenant: "other" })).toEqual([202, 429]);
  });
});

describe("a repeat of a submission", () => {
  it("gets its job, whatever the limits, and takes nothing from them", async () => {
    start({ tenantLimits: { jobsPerMinute: 2, jobsInFlight: 2 } });
    const first = await submit({ key: "a" });
    for (let n = 0; n < 3; n++) {
      const again = await submit({ key: "a" });
      expect([again.statusCode, idOf(again)]).toEqual([202, idOf(first)]);
    }
    expect(await statuses(2)).toEqual([202, 429]);
    expect(idOf(await submit({ key: "a" }))).toBe(idOf(first));
  });

  it("gets it from a process that has never seen the job", async () => {
    start({ tenantLimits: { jobsPerMinute: 1 } });
    const first = await submit({ key: "a", workflow: "idle" });
    await clock.advance(0);
    embedded.runtime.writer.states.drop(idOf(first) as never);
    expect(idOf(await submit({ key: "a", workflow: "idle" }))).toBe(idOf(first));
  });

  it("that was refused is taken later, with the same key, as if it were the first", async () => {
    start({ tenantLimits: { jobsPerMinute: 1 } });
    await submit();
    const refused = await submit({ key: "b" });
    expect(refused.statusCode).toBe(429);
    await clock.advance(retryAfterMs(refused));
    const taken = await submit({ key: "b" });
    expect(taken.statusCode).toBe(202);
    expect(header(taken, "idempotency-replayed")).toBeUndefined();
  });
});

describe("jobs in flight", () => {
  it("are no more than allowed, also of those that begin at one moment", async () => {
    start({ tenantLimits: { jobsInFlight: 3 } });
    const at = await Promise.all(Array.from({ length: 10 }, () => submit()));
    expect(at.filter(({ statusCode }) => statusCode === 202)).toHaveLength(3);
    const refused = at.find(({ statusCode }) => statusCode === 429);
    expect(refused && JSON.parse(refused.body)).toMatchObject({ title: "Too many jobs in flight" });
    expect(await statuses(1, { tenant: "other" })).toEqual([202]);
    await clock.advance(WORK_MS);
    expect(await statuses(3)).toEqual([202, 202, 429]);
  });

  it("are none that wait for a person: a bad deployment keeps no tenant out for days", async () => {
    start({ tenantLimits: { jobsInFlight: 3 } });
    expect(await statuses(4, { workflow: "broken" })).toEqual([202, 202, 202, 429]);
    await clock.advance(600_000);
    const { jobs } = await embedded.runtime.index.list({ tenant: "acme" as TenantId, limit: 10 });
    expect(jobs.map(({ status }) => status)).toEqual(["dead-lettered", "dead-lettered", "dead-lettered"]);
    expect(await statuses(4)).toEqual([202, 202, 202, 429]);
  });

  it("take nothing from the rate where they are refused", async () => {
    start({ tenantLimits: { jobsInFlight: 1, jobsPerMinute: 2 } });
    expect(await statuses(5)).toEqual([202, 429, 429, 429, 429]);
    await clock.advance(WORK_MS);
    expect(header(await submit(), "ratelimit")).toBe('"jobs-per-minute";r=0;t=50');
  });
});

describe("a capability's backlog", () => {
  /** Two are worked on, `waiting` wait. */
  async function fill(waiting: number): Promise<void> {
    expect(await statuses(2 + waiting)).toEqual(Array(2 + waiting).fill(202));
  }

  it("beyond its limit refuses new jobs that need it for as long as its measured drain will take", async () => {
    start({}, 10);
    await fill(10);
    await clock.advance(35_000);
    // 6 are done, 4 wait.
    expect(await statuses(7)).toEqual([202, 202, 202, 202, 202, 202, 503]);
    const refused = await submit();
    expect(JSON.parse(refused.body)).toMatchObject({
      title: "Backlog too long",
      detail: expect.stringContaining("10 messages wait for capability work"),
    });
    // One too many, at 6 in 35 s.
    expect(retryAfterMs(refused)).toBe(6_000);
    await clock.advance(4_000);
    expect(await statuses(1)).toEqual([503]);
    await clock.advance(2_000);
    expect(await statuses(1)).toEqual([202]);
  });

  it("does not refuse jobs that do not need it, nor any that need no queue", async () => {
    start({}, 1);
    await fill(1);
    expect(await statuses(1)).toEqual([503]);
    expect(await statuses(3, { workflow: "idle" })).toEqual([202, 202, 202]);
  });

  it("has what was deferred in it, too", async () => {
    start({}, 1);
    await fill(0);
    await embedded.runtime.queue.defer("work", message(topics.requested("work")), 600_000);
    expect(await statuses(1)).toEqual([503]);
  });

  it("is not exceeded by jobs that begin at one moment", async () => {
    start({}, 3);
    const at = await Promise.all(Array.from({ length: 20 }, () => submit()));
    expect(at.filter(({ statusCode }) => statusCode === 202)).toHaveLength(5);
  });

  it("that nobody has measured is looked at again after a minute, and one that does not move after 15", async () => {
    start({}, 1);
    await fill(1);
    expect(retryAfterMs(await submit())).toBe(60_000);
    const { queue } = embedded.runtime;
    queue.drainedPerSecond = async () => 0;
    expect(retryAfterMs(await submit())).toBe(900_000);
    queue.drainedPerSecond = async () => 1 / 3;
    expect(retryAfterMs(await submit())).toBe(3_000);
  });

  it("refuses at no cost to the workers: the places that were promised are given back", async () => {
    start({ tenantLimits: { jobsInFlight: 1 } });
    await submit();
    expect(await statuses(20)).toEqual(Array(20).fill(429));
    expect(await statuses(1, { tenant: "other" })).toEqual([202]);
    await clock.advance(WORK_MS);
    const { inFlight, ready } = await embedded.runtime.queue.stats("work");
    expect({ inFlight, ready }).toEqual({ inFlight: 0, ready: 0 });
  });

  it("is told with its limits and how fast it is worked off", async () => {
    start({ tenantLimits: { jobsPerMinute: 600 } }, 50);
    await fill(10);
    await clock.advance(30_000);
    const event = { path: "/v1/capabilities", requestContext: { requestId: "1", authorizer: { tenant: "acme" } } };
    const { body } = await embedded.handlers.capabilities(event as unknown as APIGatewayProxyEvent, {} as Context);
    const { capabilities, tenantLimits } = JSON.parse(body) as z.infer<typeof CapabilityList>;
    expect(tenantLimits).toEqual({ jobsPerMinute: 600 });
    expect(capabilities).toMatchObject([{ maxBacklog: 50, drainedPerSecond: 0.2, ready: 4, inFlight: 2 }]);
  });
});
