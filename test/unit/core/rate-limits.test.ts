import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { needsOf, rateOf, settlementMs, tokensOf } from "../../../src/core/rate-limits.ts";

const need = (rate: Parameters<typeof needsOf>[1], tokens?: number) =>
  needsOf("openai", rate, tokens).map(({ kind, ask }) => [kind, ask.costMs, ask.burstMs]);

describe("what a call needs", () => {
  test("is a request and its tokens, as time of the rate", () => {
    expect(need({ requestsPerMinute: 60, tokensPerMinute: 30_000 }, 1_500)).toEqual([
      ["requests", 1_000, 10_000],
      ["tokens", 3_000, 10_000],
    ]);
    expect(need({ requestsPerMinute: 600 })).toEqual([["requests", 100, 10_000]]);
    expect(need({})).toEqual([]);
  });

  test("of tokens is nothing where nobody can tell, until they are known", () => {
    expect(need({ tokensPerMinute: 30_000 })).toEqual([["tokens", 0, 10_000]]);
  });

  test("always fits a bucket of requests, however small", () => {
    expect(need({ requestsPerMinute: 1 })).toEqual([["requests", 60_000, 60_000]]);
  });

  test("is five minutes of the rate at most, also where an estimate is absurd", () => {
    expect(need({ tokensPerMinute: 1_000 }, 1e15)).toEqual([["tokens", 300_000, 10_000]]);
  });
});

describe("a settlement", () => {
  test("gives back what was reserved and not used, and takes what was used besides", () => {
    expect(settlementMs(1_500, 500, 30_000)).toBe(-2_000);
    expect(settlementMs(1_500, 1_500, 30_000)).toBe(0);
    expect(settlementMs(1_500, 2_000, 30_000)).toBe(1_000);
    expect(settlementMs(1_500, 0, 30_000)).toBe(-3_000);
  });

  test("never gives back more than was reserved, nor takes more than five minutes in all", () => {
    const tokens = fc.nat(10_000_000);
    fc.assert(
      fc.property(tokens, tokens, fc.integer({ min: 1, max: 1_000_000 }), (reserved, used, perMinute) => {
        const [
          {
            ask: { costMs },
          } = { ask: { costMs: 0 } },
        ] = needsOf("p", { tokensPerMinute: perMinute }, reserved);
        const deltaMs = settlementMs(reserved, used, perMinute);
        expect(costMs + deltaMs).toBeGreaterThanOrEqual(0);
        expect(costMs + deltaMs).toBeLessThanOrEqual(300_000 + 1e-6);
      }),
    );
  });
});

test("tokens are input and output together, where the provider counted both", () => {
  expect(tokensOf({ inputTokens: 3, outputTokens: 4 })).toBe(7);
  expect(tokensOf({ inputTokens: 3 })).toBeUndefined();
  expect(tokensOf(undefined)).toBeUndefined();
});

test("the rate of a model goes before that of its provider, which the other models share", () => {
  const [model, provider] = [{ requestsPerMinute: 1 }, { requestsPerMinute: 2 }];
  const rates = new Map([
    ["openai:gpt-5", model],
    ["openai", provider],
    ["search-api", model],
  ]);
  expect(rateOf(rates, "openai:gpt-5")).toEqual({ name: "openai:gpt-5", rate: model });
  expect(rateOf(rates, "openai:gpt-5-mini")).toEqual({ name: "openai", rate: provider });
  expect(rateOf(rates, "search-api")).toEqual({ name: "search-api", rate: model });
  expect(rateOf(rates, "anthropic:claude")).toBeUndefined();
});
