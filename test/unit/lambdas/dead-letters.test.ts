import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { redriveJob } from "../../../lambdas/commands/commands.ts";
import { listDeadLetters, redriveAll } from "../../../lambdas/dead-letters/dead-letters.ts";
import { getEvents } from "../../../lambdas/events/events.ts";
import { submit } from "../../../lambdas/submit/submit.ts";
import { work } from "../../../lambdas/worker/worker.ts";
import type { DeadLetterView } from "../../../src/contract/api.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { UnavailableError } from "../../../src/core/errors.ts";
import type { EventLog } from "../../../src/core/ports.ts";
import { TerminalError } from "../../../src/core/retry.ts";
import { createRuntime, type Runtime } from "../../../src/core/runtime.ts";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const tenant = "acme" as TenantId;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
/** What one answer of a Lambda function may have at most, in bytes. */
const LAMBDA_ANSWER = 6 * 1_048_576;
/** The usual deadline of a job. */
const WEEK_MS = 604_800_000;
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** An app whose jobs have so many steps at once, all of which are given up. */
function hopeless(steps: number, message = "hopeless") {
  const only = defineCapability({
    name: "only",
    input: z.json(),
    output: z.json(),
    run() {
      throw Object.assign(new TerminalError(message), { detail: message.slice(0, 3_000) });
    },
  });
  const flow = defineWorkflow({
    name: "flow",
    input: z.json(),
    output: z.json(),
    run: async (job, input) => {
      await Promise.all(Array.from({ length: steps }, (_, n) => job.step(`s/${n}`, only, input)));
      return null;
    },
  });
  const app = defineApp({ workflows: [flow], capabilities: [only] });
  const clock = new VirtualClock();
  const engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady() {}, onError() {} });
  open.push(() => engine.close());
  const runtime = createRuntime(engine, { app, resources: {} as never, logger: silent });
  /** Works on all that is ready. */
  async function come(): Promise<void> {
    for (;;) {
      const deliveries = await engine.queue.receive("only", 10, 60_000);
      if (deliveries.length === 0) return;
      for (const { message } of deliveries) await work({ capability: "only", detail: message.detail }, runtime);
      await engine.queue.ack(deliveries);
    }
  }
  async function fail(input: z.infer<ReturnType<typeof z.json>>): Promise<JobId> {
    const request = { workflow: "flow", input };
    const { job } = await submit({ tenant, request, idempotencyKey: undefined, traceparent: undefined }, runtime);
    await come();
    await clock.advance(1);
    return job.id as JobId;
  }
  /** All pages, in order. */
  async function pages(limit: number): Promise<DeadLetterView[][]> {
    const all: DeadLetterView[][] = [];
    let cursor: string | undefined;
    do {
      const page = await listDeadLetters(tenant, { limit, cursor }, runtime);
      all.push(page.deadLetters);
      cursor = page.next;
    } while (cursor !== undefined);
    return all;
  }
  return { clock, runtime, fail, pages, come };
}

const names = (letters: readonly DeadLetterView[]): string[] =>
  letters.map(({ jobId, stepId }) => `${jobId} ${stepId}`);
const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

test("a page shows no large input, but where it is and how large", async () => {
  const { runtime, fail, pages } = hopeless(8);
  const input = "x".repeat(900_000);
  const jobId = await fail(input);
  const [letters = []] = await pages(20);
  expect(letters).toHaveLength(8);
  expect(bytesOf(letters)).toBeLessThan(LAMBDA_ANSWER);
  for (const letter of letters) {
    expect(letter).toMatchObject({ inputBytes: 900_002, links: { self: `/v1/jobs/${jobId}` } });
    expect(letter).not.toHaveProperty("input");
    const { pathname, searchParams } = new URL(letter.links.input ?? "", "http://here");
    expect(pathname).toBe(`/v1/jobs/${jobId}/events`);
    const about = { after: Number(searchParams.get("after")), limit: Number(searchParams.get("limit")) };
    const { events } = await getEvents(tenant, jobId, about, runtime);
    expect(events).toMatchObject([{ type: "step.requested", stepId: letter.stepId, input }]);
  }
});

test("the link leads to what the step was given last, by a person, too", async () => {
  const { runtime, fail, pages, come } = hopeless(1);
  const jobId = await fail("x".repeat(5_000));
  await redriveJob({ tenant, jobId }, { stepId: "s/0", input: "y".repeat(5_000) }, runtime);
  await come();
  const [[letter] = []] = await pages(20);
  const after = Number(/after=(\d+)/.exec(letter?.links.input ?? "")?.[1]);
  const { events } = await getEvents(tenant, jobId, { after, limit: 1 }, runtime);
  expect(events).toMatchObject([{ type: "step.redriven", input: "y".repeat(5_000) }]);
});

test("an input of 4 KB is shown", async () => {
  const { fail, pages } = hopeless(1);
  await fail("x".repeat(4_094));
  const [[letter] = []] = await pages(20);
  expect(letter).toMatchObject({ input: "x".repeat(4_094) });
  expect(letter).not.toHaveProperty("inputBytes");
  expect(letter?.links).not.toHaveProperty("input");
});

test("a page goes on within a job: each letter once, newest jobs first, each job's in their order", async () => {
  const { fail, pages } = hopeless(5);
  const older = await fail(1);
  const newer = await fail(2);
  const expected = [newer, older].flatMap((jobId) => Array.from({ length: 5 }, (_, n) => `${jobId} s/${n}`));
  for (const limit of [1, 3, 4, 5, 7, 10, 100]) {
    const all = await pages(limit);
    expect(all.flatMap(names), `limit ${limit}`).toEqual(expected);
    for (const page of all) expect(page.length).toBeLessThanOrEqual(limit);
  }
});

test("a page that goes on within a job of which nothing waits any more goes on with the next", async () => {
  const { runtime, fail, pages } = hopeless(3);
  const older = await fail(1);
  const newer = await fail(2);
  const { deadLetters, next } = await listDeadLetters(tenant, { limit: 2 }, runtime);
  expect(names(deadLetters)).toEqual([`${newer} s/0`, `${newer} s/1`]);
  await redriveJob({ tenant, jobId: newer }, {}, runtime);
  const rest = await listDeadLetters(tenant, { limit: 10, cursor: next }, runtime);
  expect(names(rest.deadLetters)).toEqual((await pages(10)).flatMap(names));
  expect(names(rest.deadLetters)).toContain(`${older} s/0`);
});

test("a page ends before it is too large for an answer, whatever its limit", async () => {
  const { fail, pages } = hopeless(300, "m".repeat(2_000));
  const jobId = await fail("x".repeat(4_000));
  const all = await pages(1_000);
  expect(all.length).toBeGreaterThan(1);
  for (const page of all) expect(bytesOf(page)).toBeLessThan(LAMBDA_ANSWER / 4);
  expect(all.flatMap(names)).toEqual(Array.from({ length: 300 }, (_, n) => `${jobId} s/${n}`));
});

test.each(["x.job_a.1", `.job_${"a".repeat(26)}.x`, "bm9uc2Vuc2U", `bm9uc2Vuc2U.job_${"a".repeat(26)}.1`])(
  "%s is no cursor",
  async (cursor) => {
    const { runtime } = hopeless(1);
    const refused = listDeadLetters(tenant, { limit: 1, cursor }, runtime);
    await expect(refused).rejects.toMatchObject({ problem: { status: 400, errors: [{ path: "cursor" }] } });
  },
);

describe("redriving by filter", () => {
  const ALL = { limit: 50, ratePerSecond: 1_000 };

  /** Answers of the log's appends from the given one on: 1 is the first. */
  function failingFrom(first: number, { log, ...ports }: Runtime, error: () => Error): Runtime {
    let appends = 0;
    const faulty: EventLog = {
      append: async (...commit) => {
        appends += 1;
        if (appends >= first) throw error();
        return log.append(...commit);
      },
      read: (...about) => log.read(...about),
      tail: (...about) => log.tail(...about),
    };
    return createRuntime({ ...ports, log: faulty }, ports);
  }

  test("that meets an outage says what it has done, what failed, and goes on there", async () => {
    const { runtime, fail, pages } = hopeless(2);
    for (const input of [1, 2]) await fail(input);
    const [waiting = []] = await pages(10);
    const outage = () => new UnavailableError("throttled");
    const { redriven, failed, next } = await redriveAll(tenant, ALL, failingFrom(3, runtime, outage));
    expect(redriven).toMatchObject(waiting.slice(0, 2).map(({ jobId, stepId }) => ({ jobId, stepId })));
    const [, , third] = waiting;
    expect(failed).toMatchObject([{ jobId: third?.jobId, stepId: third?.stepId, status: 503 }]);
    const rest = await redriveAll(tenant, { ...ALL, cursor: next }, runtime);
    expect(rest.redriven).toMatchObject(waiting.slice(2).map(({ jobId, stepId }) => ({ jobId, stepId })));
    expect(rest).toMatchObject({ failed: [] });
    expect(rest).not.toHaveProperty("next");
    expect((await pages(10)).flat()).toEqual([]);
  });

  test("that can do nothing for an outage is refused", async () => {
    const { runtime, fail } = hopeless(1);
    await fail(1);
    const outage = () => new UnavailableError("throttled");
    await expect(redriveAll(tenant, ALL, failingFrom(1, runtime, outage))).rejects.toBeInstanceOf(UnavailableError);
  });

  test("passes over what fails by itself, and says so", async () => {
    const { runtime, fail } = hopeless(1);
    const jobIds = [await fail(1), await fail(2)].toReversed();
    const { redriven, failed, next } = await redriveAll(
      tenant,
      ALL,
      failingFrom(1, runtime, () => new RangeError("secret")),
    );
    expect({ redriven, next }).toEqual({ redriven: [], next: undefined });
    expect(failed).toMatchObject(jobIds.map((jobId) => ({ jobId, stepId: "s/0", status: 500 })));
    expect(JSON.stringify(failed)).not.toContain("secret");
  });

  test("passes over what is too late, and says so", async () => {
    const { runtime, fail, clock } = hopeless(1);
    const older = await fail(1);
    await clock.advance(3_600_000);
    const newer = await fail(2);
    await clock.advance(WEEK_MS - 60_000);
    const { redriven, failed } = await redriveAll(tenant, ALL, runtime);
    expect(redriven).toMatchObject([{ jobId: newer }]);
    expect(failed).toMatchObject([{ jobId: older, status: 409, detail: expect.stringContaining("deadline") }]);
  });

  test("tries as many as its limit, also within a job", async () => {
    const { runtime, fail } = hopeless(5);
    await fail(1);
    const first = await redriveAll(tenant, { ...ALL, limit: 3 }, runtime);
    expect(first.redriven.map(({ stepId }) => stepId)).toEqual(["s/0", "s/1", "s/2"]);
    const rest = await redriveAll(tenant, { ...ALL, limit: 3, cursor: first.next }, runtime);
    expect(rest.redriven.map(({ stepId }) => stepId)).toEqual(["s/3", "s/4"]);
    expect(rest).not.toHaveProperty("next");
  });
});
