import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { submit } from "../../lambdas/submit/submit.ts";
import { eventsOf } from "../../src/contract/events.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import type { AnyCapability } from "../../src/core/define-capability.ts";
import { readCommits, readState } from "../../src/core/read-job.ts";
import type { JobState } from "../../src/core/state.ts";
import { type Embedded, startEmbedded } from "../../src/host/host.ts";
import { defineApp, defineCapability, defineWorkflow, type Job } from "../../src/index.ts";
import { temporaryFolder } from "./server.ts";

/** What a hostile reading of the code found, so that it stays found. */
const tenant = "acme" as TenantId;
const resources = {
  tools: new Map(),
  model: "",
  price: undefined,
  corpus: { search: () => [], read: () => undefined },
};
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open: Embedded[] = [];
afterEach(async () => {
  for (const embedded of open.splice(0)) await embedded.close(0);
});

function start(capability: AnyCapability, run: (job: Job) => Promise<unknown>, dataDir?: string): Embedded {
  const flow = defineWorkflow({ name: "flow", input: z.any(), output: z.any(), run: (job) => run(job) });
  const app = defineApp({ workflows: [flow], capabilities: [capability] });
  const embedded = startEmbedded({ app, resources, logger: silent, dataDir });
  open.push(embedded);
  return embedded;
}

async function submitTo({ runtime }: Embedded): Promise<JobId> {
  const request = { workflow: "flow", input: null };
  const { job } = await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
  return job.id as JobId;
}

async function until({ runtime }: Embedded, id: JobId, done: (state: JobState) => boolean): Promise<JobState> {
  for (;;) {
    const state = await readState(runtime, id);
    if (state && done(state)) return state;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const cap = (run: (input: unknown) => unknown, more: { concurrency?: number; onInDoubt?: "rerun" | "hold" } = {}) =>
  defineCapability({ name: "cap", input: z.any(), output: z.any(), ...more, run: (input) => run(input) });

test("an answer is on record although what follows from it cannot be written, and it is paid for once", async () => {
  let paid = 0;
  const capability = cap((input) => {
    if (input === "pay") paid += 1;
    return { answer: 1 };
  });
  const embedded = start(capability, async (job) => {
    await job.step("paid", capability, "pay");
    return job.step("large", capability, "x".repeat(100_000));
  });
  const { blobs } = embedded.runtime;
  const put = blobs.put.bind(blobs);
  blobs.put = () => Promise.reject(new Error("the blob store is down"));
  const id = await submitTo(embedded);
  const state = await until(embedded, id, ({ steps }) => steps.get("paid")?.status === "completed");
  expect(state.steps.has("large")).toBe(false);
  blobs.put = put;
  await until(embedded, id, ({ status }) => status === "completed");
  expect(paid).toBe(1);
});

test.each([4, 10, 12])(
  "never works on more than %i steps at once, however the steps are packed into messages",
  async (concurrency) => {
    let now = 0;
    let most = 0;
    const capability = cap(
      async () => {
        now += 1;
        most = Math.max(most, now);
        await new Promise((resolve) => setTimeout(resolve, 5));
        now -= 1;
      },
      { concurrency },
    );
    const embedded = start(capability, (job) =>
      Promise.all(Array.from({ length: 13 }, (_, n) => job.step(`s/${n}`, capability, n))),
    );
    const ids = await Promise.all(Array.from({ length: 8 }, () => submitTo(embedded)));
    for (const id of ids) await until(embedded, id, ({ status }) => status === "completed");
    expect(most).toBeLessThanOrEqual(concurrency);
    expect(most).toBeGreaterThan(1);
  },
);

test("a graceful stop leaves no claim behind whose call was never made", async () => {
  using folder = temporaryFolder();
  const capability = cap(async () => new Promise((resolve) => setTimeout(() => resolve(1), 3)), {
    onInDoubt: "hold",
    concurrency: 100,
  });
  const ids: JobId[] = [];
  for (let round = 0; round < 5; round++) {
    const embedded = start(capability, (job) => job.step("only", capability, 1), folder.path);
    let on = true;
    const clients = Array.from({ length: 8 }, async () => {
      while (on) ids.push(await submitTo(embedded));
    });
    await new Promise((resolve) => setTimeout(resolve, 20 + round));
    const closed = embedded.close(5_000);
    on = false;
    await Promise.allSettled(clients);
    expect(await closed).toBe(0);
    open.length = 0;
  }
  const embedded = start(capability, (job) => job.step("only", capability, 1), folder.path);
  expect(ids.length).toBeGreaterThan(20);
  for (const id of ids) {
    const state = await until(embedded, id, ({ status }) => status !== "running");
    const { commits } = await readCommits(embedded.runtime, id);
    expect(commits.flatMap(eventsOf).map(({ type }) => type)).not.toContain("step.in_doubt");
    expect(state.status).toBe("completed");
  }
});

test("what is no usage does not keep an answer from being recorded", async () => {
  let calls = 0;
  const capability = defineCapability({
    name: "cap",
    input: z.any(),
    output: z.any(),
    run(_, step) {
      calls += 1;
      step.usage({ inputTokens: 10n } as never);
      return "answer";
    },
  });
  const embedded = start(capability, (job) => job.step("only", capability, 1));
  const state = await until(embedded, await submitTo(embedded), ({ status }) => status === "completed");
  expect({ calls, usage: state.usage }).toEqual({ calls: 1, usage: {} });
});
