import { expect, test } from "vitest";
import { type BurstModel, simulateBurst } from "../../../../tools/cost/simulate-burst.ts";

const model: BurstModel = {
  jobs: 1_000,
  steps: ["a", "b"],
  capabilities: {
    a: { batchSize: 10, maxConcurrency: 1_000, workMs: 100, tokens: 0 },
    b: { batchSize: 10, maxConcurrency: 1_000, workMs: 10_000, tokens: 1_000 },
  },
  throttle: { rate: 10_000, burst: 10_000 },
  accountConcurrency: 1_000,
  hopMs: 100,
  seed: 1,
};
const withB = (b: Partial<BurstModel["capabilities"][string]>): BurstModel["capabilities"] => ({
  ...model.capabilities,
  b: { batchSize: 10, maxConcurrency: 1_000, workMs: 10_000, tokens: 1_000, ...b },
});
const limitOf = (changed: Partial<BurstModel>) => simulateBurst({ ...model, ...changed }).limits[0]?.what;

test("a burst of a seed always drains in the same way, and all of it does", () => {
  const result = simulateBurst(model);
  expect(simulateBurst(model)).toEqual(result);
  expect(simulateBurst({ ...model, seed: 2 }).curve).not.toEqual(result.curve);
  expect(result.curve.at(-1)?.ended).toBe(1_000);
  const ended = result.curve.map((point) => point.ended);
  expect(ended).toEqual([...ended].sort((a, b) => a - b));
});

test("two invocations of ten steps of 10 s take as long as the arithmetic says, and are what it is held up by", () => {
  const capabilities = withB({ maxConcurrency: 2 });
  const { drainedS } = simulateBurst({ ...model, capabilities });
  // 100 batches, two at a time; the longest of ten steps takes a little less than a fifth more.
  expect(drainedS).toBeGreaterThan(50 * 10);
  expect(drainedS).toBeLessThan(50 * 12.5);
  expect(limitOf({ capabilities })).toBe("b: its maximum concurrency");
});

test("the account's concurrency is shared", () => {
  expect(limitOf({ accountConcurrency: 3 })).toBe("the account's concurrency");
});

test("the API takes what it was set up for", () => {
  const throttle = { rate: 10, burst: 10 };
  const { acceptedS } = simulateBurst({ ...model, throttle });
  expect(acceptedS).toBeCloseTo(99, 0);
  expect(limitOf({ throttle })).toBe("the API's throttle");
});

test("a provider that takes few tokens a minute is what it waits for", () => {
  const provider = { requestsPerMinute: 1_000, tokensPerMinute: 100_000 };
  const { drainedS } = simulateBurst({ ...model, provider });
  // A minute's tokens are there at once; the other 900,000 take nine.
  expect(drainedS).toBeGreaterThan(9 * 60);
  expect(drainedS).toBeLessThan(9 * 60 + 30);
  expect(limitOf({ provider })).toBe("the provider's tokens a minute");
});

test("pollers begin with five and become more by 300 a minute", () => {
  const capabilities = withB({ batchSize: 1 });
  expect(limitOf({ capabilities })).toBe("b: pollers that become more by 300 a minute");
});

test("what can never drain says so", () => {
  expect(() => simulateBurst({ ...model, accountConcurrency: 0 })).toThrow("does not drain");
});
