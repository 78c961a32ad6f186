import { describe, expect } from "vitest";
import { jobOf, problemOf } from "./caller.ts";
import { test, unique } from "./suite.ts";

/** Enough to fill every place at a worker, and every one in the queue. */
const MOST = 60;

describe("back-pressure", () => {
  test("tells on every answer to a submission what the tenant may ask for, and what is left of it", async ({ api }) => {
    const policy = '"jobs-per-minute";q=6000;w=60, "jobs-in-flight";q=10000;qu="concurrent-requests"';
    const accepted = await api.post({ workflow: "echo", input: { text: unique() } });
    await jobOf(accepted);
    expect(accepted.headers.get("ratelimit-policy")).toBe(policy);
    expect(accepted.headers.get("ratelimit")).toMatch(/^"jobs-per-minute";r=\d+;t=\d+$/);
    const wrong = await api.post({ workflow: "echo" });
    expect([wrong.status, wrong.headers.get("ratelimit-policy")]).toEqual([400, policy]);
  });

  test("the capabilities tell their limits, and what each tenant may ask for", async ({ api }) => {
    const { capabilities, tenantLimits } = await api.capabilities();
    expect(tenantLimits).toEqual({ jobsPerMinute: 6_000, jobsInFlight: 10_000 });
    expect(capabilities.find(({ name }) => name === "scarce")).toMatchObject({ maxBacklog: 1 });
  });

  test("a job that needs a capability with too long a backlog is refused, and taken later with the same key", async ({
    api,
  }) => {
    const post = (key: string) => {
      const body = { workflow: "trial", input: { mode: "queues", text: key, size: 800 } };
      return api.post(body, { "idempotency-key": key });
    };
    let refused: Response | undefined;
    let key = "";
    for (let n = 0; n < MOST && refused === undefined; n++) {
      key = unique();
      const response = await post(key);
      if (response.status !== 202) refused = response;
      else await new Promise((resolve) => setTimeout(resolve, api.patience.pollMs));
    }
    if (refused === undefined) throw new Error(`${MOST} jobs in a row were taken`);
    expect(await problemOf(refused)).toMatchObject({ status: 503, title: "Backlog too long" });
    const retryAfter = Number(refused.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(retryAfter).toBeLessThanOrEqual(900);
    await jobOf(await api.post({ workflow: "echo", input: { text: "needs another capability" } }));
    const taken = await api.late(
      "a place in the queue",
      () => post(key),
      ({ status }) => status === 202,
    );
    const job = await jobOf(taken);
    expect(taken.headers.get("idempotency-replayed")).toBeNull();
    expect(await jobOf(await post(key)), "a repeat, whatever the backlog").toMatchObject({ id: job.id });
  });
});
