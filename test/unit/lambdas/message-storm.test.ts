import { expect, test } from "vitest";
import { advanceJob } from "../../../lambdas/advance/advance.ts";
import { work } from "../../../lambdas/worker/worker.ts";
import type { JobId } from "../../../src/contract/ids.ts";
import { ThrottledError } from "../../../src/core/retry.ts";
import { fleet, MINUTE_MS, tenant } from "./fleet.ts";

/** How many messages there are for what has to wait for long, with a reconciler that looks each minute (rule 13). */

const ended = (states: Awaited<ReturnType<Awaited<ReturnType<typeof fleet>>["states"]>>) =>
  states.filter((state) => state?.status === "completed").length;

/** A capability whose provider is down until the outage is ended. */
function providerDown() {
  let isDown = true;
  return {
    end: () => {
      isDown = false;
    },
    capability: {
      provider: () => ({ name: "acme:model" }),
      run(input: { text: string }) {
        if (isDown) throw new ThrottledError("the provider is down");
        return input;
      },
    },
  };
}

test("a backlog of half an hour has one message for each step, however often the reconciler looks", async () => {
  const { published, calls, pass, states } = await fleet({
    jobs: 30,
    chain: 2,
    slots: 1,
    callMs: MINUTE_MS - 2_000,
    capability: { timeoutMs: 2 * MINUTE_MS },
  });
  await pass(65);
  expect(ended(await states())).toBe(30);
  expect(new Set(published())).toEqual(new Set([1]));
  expect(calls).toHaveLength(60);
});

test("nobody who works for half an hour makes it no more either", async () => {
  const { published, pass, waiting } = await fleet({ jobs: 20, slots: 1, callMs: 1_000 });
  await pass(30, { working: false });
  expect(new Set(published())).toEqual(new Set([1]));
  expect(await waiting()).toBe(20);
});

test("where nobody tells how old a backlog is, a step is asked for four times an hour at most, and called once", async () => {
  const { published, calls, pass, states } = await fleet({
    jobs: 5,
    chain: 2,
    slots: 5,
    callMs: 1_000,
    ageUnknown: true,
  });
  await pass(120, { working: false });
  expect(Math.max(...published())).toBeLessThanOrEqual(1 + 2 * 4);
  await pass(10);
  expect(ended(await states())).toBe(5);
  expect(calls).toHaveLength(10);
});

test("an outage of hours does not fill the queue: what is asked for anew waits until it is asked for again", async () => {
  const outage = providerDown();
  const { pass, waiting, states } = await fleet({
    jobs: 4,
    slots: 4,
    callMs: 0,
    capability: outage.capability,
  });
  const counts: number[] = [];
  await pass(30);
  await pass(150, { eachMinute: async () => void counts.push(await waiting()) });
  // The first, and those of the last two looks.
  expect(Math.max(...counts)).toBeLessThanOrEqual(4 * 3);
  outage.end();
  await pass(20);
  expect(ended(await states())).toBe(4);
  expect(await waiting()).toBe(0);
});

test("a step whose message was lost in an outage of hours is called within a quarter of an hour of its end", async () => {
  const outage = providerDown();
  const { pass, states } = await fleet({
    jobs: 6,
    lost: 1,
    slots: 6,
    callMs: 0,
    capability: outage.capability,
  });
  await pass(120);
  outage.end();
  await pass(16);
  expect(ended(await states())).toBe(6);
});

test("what a rate lets through is not less for what is asked for anew", async () => {
  const { pass, states } = await fleet({
    jobs: 60,
    slots: 5,
    callMs: 0,
    capability: { provider: () => ({ name: "acme:model" }), run: (input) => input },
    app: { rates: { "acme:model": { requestsPerMinute: 1 } } },
  });
  await pass(63);
  expect(ended(await states())).toBeGreaterThanOrEqual(58);
});

test("a message that may be a second one asks for no other: neither a step's that is done, nor the workflow's", async () => {
  const { clock, runtime, jobIds, published } = await fleet({
    jobs: 1,
    chain: 2,
    slots: 1,
    callMs: 0,
    capability: { run: (input) => input },
  });
  const [jobId] = jobIds as [JobId];
  const first = { tenant, jobId, seq: 2, stepIds: ["s/0"] };
  await work({ capability: "only", detail: first }, runtime);
  expect(published()).toEqual([1, 1]);
  await clock.advance(10_000);
  const spareUntil = clock.now() + MINUTE_MS;
  await work({ capability: "only", detail: { ...first, spareUntil } }, runtime);
  await advanceJob("flow", { tenant, jobId, seq: 2, spareUntil }, runtime);
  expect(published()).toEqual([1, 1]);
  // One that is not may have lost what follows from it.
  await work({ capability: "only", detail: first }, runtime);
  expect(published()).toEqual([1, 2]);
  await advanceJob("flow", { tenant, jobId, seq: 2 }, runtime);
  expect(published()).toEqual([1, 3]);
});

test("a caller who submits again each second fills no queue: for two minutes it helps, then the reconciler does", async () => {
  const { clock, published, send, waiting } = await fleet({ jobs: 1, slots: 1, callMs: 0 });
  const of = async (seconds: number): Promise<number> => {
    const before = published()[0] ?? 0;
    for (let n = 0; n < seconds; n++) {
      await clock.advance(1_000);
      await send(0);
    }
    return (published()[0] ?? 0) - before;
  };
  expect(await of(4)).toBe(0);
  expect(await of(116)).toBe(115);
  expect(await of(1_800)).toBe(0);
  expect(await waiting()).toBe(116);
});

test("a step that kills each worker is asked for a few times until it is given up, and never again", async () => {
  const { published, pass, states, waiting } = await fleet({
    jobs: 1,
    slots: 1,
    callMs: 0,
    deadly: true,
    capability: { run: () => new Promise<never>(() => {}) },
  });
  await pass(30);
  const [state] = await states();
  expect(state?.steps.get("s/0")).toMatchObject({ status: "dead-lettered", doubts: 6 });
  expect(published()[0]).toBeLessThanOrEqual(1 + 6);
  const before = published()[0];
  await pass(60);
  expect(published()[0]).toBe(before);
  expect(await waiting()).toBe(0);
});
