import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { type AppOptions, defineApp } from "../../src/core/define-app.ts";
import { defineCapability } from "../../src/core/define-capability.ts";
import { defineWorkflow } from "../../src/core/define-workflow.ts";
import type { Resources } from "../../src/core/resources.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

let deployment: LocalDeployment;
let clock: VirtualClock;
let calls: string[];
afterEach(() => deployment.close());

/** An instance whose workers do not run: what is asked for waits. */
async function deploy(limits: Pick<AppOptions, "tenantLimits">, maxBacklog?: number): Promise<void> {
  const work = defineCapability({
    name: "work",
    input: z.json(),
    output: z.json(),
    ...(maxBacklog === undefined ? {} : { maxBacklog }),
    run: (input) => input,
  });
  const flow = defineWorkflow({
    name: "flow",
    input: z.json(),
    output: z.json(),
    run: (job, input) => job.step("only", work, input),
  });
  clock = new VirtualClock(Date.now());
  deployment = await deployLocally({
    app: defineApp({ workflows: [flow], capabilities: [work], ...limits }),
    resources: {} as Resources,
    clock,
  });
  calls = [];
  for (const client of Object.values(deployment.aws.clients)) {
    client.middlewareStack.add(
      (next: (args: object) => unknown, { commandName }: { commandName?: string }) =>
        (args: object) => {
          calls.push((commandName ?? "").replace("Command", ""));
          return next(args);
        },
      { step: "initialize", name: "noteCalls" },
    );
  }
}
const submit = async (headers?: Record<string, string>) => {
  calls.splice(0);
  const answer = await deployment.submit("flow", 1, headers);
  // The local bus sends to queues by the same client.
  return { ...answer, calls: calls.splice(0).filter((name) => name !== "SendMessage") };
};

describe("submitting on AWS", () => {
  it("costs one read, one write and one publication where nothing is limited, and tells of no limits", async () => {
    await deploy({});
    const { status, headers, calls } = await submit({ "idempotency-key": "a" });
    expect({ status, calls }).toEqual({ status: 202, calls: ["Query", "PutItem", "PutEvents"] });
    expect(Object.keys(headers).filter((name) => name.startsWith("ratelimit"))).toEqual([]);
  });

  it("asks for counts once in a while, and for the rate each time, where they are limited", async () => {
    await deploy({ tenantLimits: { jobsPerMinute: 60, jobsInFlight: 100 } }, 100);
    const told = ["Query"];
    const rate = ["Query", "UpdateItem"];
    const begin = ["PutItem", "PutEvents"];
    expect((await submit()).calls).toEqual([...told, "Query", "GetQueueAttributes", ...rate, ...begin]);
    expect((await submit()).calls).toEqual([...told, ...rate, ...begin]);
    await clock.advance(2_000);
    expect((await submit()).calls).toEqual([...told, "Query", "GetQueueAttributes", ...rate, ...begin]);
  });

  it("looks for a job of the same key before it refuses or takes anything", async () => {
    await deploy({ tenantLimits: { jobsPerMinute: 1 } });
    const first = await submit({ "idempotency-key": "a" });
    expect(first.status).toBe(202);
    expect((await submit()).status).toBe(429);
    const again = await submit({ "idempotency-key": "a" });
    expect({ status: again.status, id: again.body.id }).toEqual({ status: 202, id: first.body.id });
  });

  it("refuses for exactly as long as it says, in all processes", async () => {
    await deploy({ tenantLimits: { jobsPerMinute: 6 } });
    for (let n = 0; n < 6; n++) expect((await submit()).status).toBe(202);
    const refused = await submit();
    expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "10"]);
    expect(refused.calls).not.toContain("PutItem");
    await clock.advance(9_000);
    expect((await submit()).status).toBe(429);
    await clock.advance(1_000);
    expect((await submit()).headers).toMatchObject({ ratelimit: '"jobs-per-minute";r=0;t=60' });
  });

  it("refuses jobs beyond those in flight, and those for whose capability too many messages wait", async () => {
    await deploy({ tenantLimits: { jobsInFlight: 5 } }, 3);
    for (let n = 0; n < 3; n++) expect((await submit()).status).toBe(202);
    const { status, headers, body } = await submit();
    expect({ status, body }).toMatchObject({ status: 503, body: { title: "Backlog too long" } });
    expect(headers["retry-after"]).toBe("60");
    // What was refused is not in flight.
    for (let n = 0; n < 3; n++) expect((await submit()).status).toBe(503);
    deployment.startWorkers();
    const { queue } = deployment.newRuntime();
    const nothingWaits = async () => (await queue.stats("work")).ready === 0;
    await vi.waitUntil(nothingWaits, { timeout: 60_000 });
    await clock.advance(2_000);
    expect((await submit()).status).toBe(202);
  });
});
