import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ErrorVerdict } from "../../../src/core/define-capability.ts";
import {
  backoff,
  decideRetry,
  HeldError,
  MAX_ASKED_MS,
  OutputError,
  TerminalError,
  ThrottledError,
  TimeoutError,
} from "../../../src/core/retry.ts";

const capability = (verdict: ErrorVerdict = { kind: "retryable" }) => ({
  retry: { maxAttempts: 3, baseDelayMs: 1_000, maxDelayMs: 60_000 },
  classify: () => verdict,
});
const fresh = { failures: 0, throttles: 0 };

describe("deciding on another attempt", () => {
  it("allows as many attempts as the policy says", () => {
    const decide = (failures: number) => decideRetry(new Error("x"), { failures, throttles: 0 }, capability(), 1);
    expect(decide(0)).toEqual({ counts: true, final: false, held: false, delayMs: 1_000 });
    expect(decide(1)).toEqual({ counts: true, final: false, held: false, delayMs: 2_000 });
    expect(decide(2)).toEqual({ counts: true, final: true, held: false, delayMs: 0 });
  });

  it.each([new TerminalError("x"), new OutputError("x")])(
    "gives up at once on a %s, whatever the capability says",
    (error) => {
      expect(decideRetry(error, fresh, capability(), 0)).toEqual({
        counts: true,
        final: true,
        held: false,
        delayMs: 0,
      });
    },
  );

  it("tries again where the capability's judgement fails or says nothing", () => {
    const { retry } = capability();
    const bug = (): never => {
      throw new TypeError("bug in classify");
    };
    expect(decideRetry(new Error("x"), fresh, { retry, classify: bug }, 0)).toMatchObject({
      counts: true,
      final: false,
    });
    const silent = () => undefined as unknown as ErrorVerdict;
    expect(decideRetry(new Error("x"), fresh, { retry, classify: silent }, 0)).toMatchObject({
      counts: true,
      final: false,
    });
  });

  it("believes a capability that an error is hopeless", () => {
    expect(decideRetry(new Error("400"), fresh, capability({ kind: "terminal" }), 0).final).toBe(true);
  });

  it("holds the step for a person on a HeldError, whatever the capability says, and where the capability says so", () => {
    const held = { counts: true, final: true, held: true, delayMs: 0 };
    expect(decideRetry(new HeldError("no access"), fresh, capability(), 1)).toEqual(held);
    expect(decideRetry(new HeldError("no access"), fresh, capability({ kind: "throttled" }), 1)).toEqual(held);
    expect(decideRetry(new Error("no access"), fresh, capability({ kind: "hold" }), 1)).toEqual(held);
  });

  it("tries again after a timeout", () => {
    expect(decideRetry(new TimeoutError("slow"), fresh, capability(), 0)).toMatchObject({ counts: true, final: false });
  });

  it("never counts throttling, however often", () => {
    const decision = decideRetry(new ThrottledError("429"), { failures: 2, throttles: 1_000 }, capability(), 1);
    expect(decision).toEqual({ counts: false, final: false, held: false, delayMs: 60_000 });
  });

  it("waits as long as the provider asks also where its own policy would not, within a day", () => {
    const { maxDelayMs } = capability().retry;
    const delayOf = (askedMs: number) =>
      decideRetry(new ThrottledError("429", askedMs), fresh, capability(), 1).delayMs;
    expect(delayOf(10 * maxDelayMs)).toBe(10 * maxDelayMs);
    expect(delayOf(2 * MAX_ASKED_MS)).toBe(MAX_ASKED_MS);
  });

  it("waits at least as long as the provider asks, also by a verdict", () => {
    expect(decideRetry(new ThrottledError("429", 30_000), fresh, capability(), 0).delayMs).toBe(30_000);
    expect(decideRetry(new Error("x"), fresh, capability({ kind: "throttled", retryAfterMs: 7_000 }), 0).delayMs).toBe(
      7_000,
    );
  });

  it("always gives a wait that a date can be made of, whatever the provider asks for", () => {
    const anything = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -5, undefined));
    fc.assert(
      fc.property(
        anything,
        fc.nat(100),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (asked, throttles, random) => {
          const { delayMs } = decideRetry(
            new ThrottledError("429", asked),
            { failures: 0, throttles },
            capability(),
            random,
          );
          expect(Number.isFinite(new Date(Date.UTC(2030, 0, 1) + delayMs).getTime())).toBe(true);
          expect(delayMs).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });

  it("backs off with full jitter between 0 and a bound that doubles up to the longest wait", () => {
    const policy = { baseDelayMs: 100, maxDelayMs: 1_000 };
    expect([0, 1, 2, 3, 4, 5_000].map((failures) => backoff(policy, failures, 1))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect(backoff(policy, 3, 0)).toBe(0);
    expect(backoff(policy, 3, 0.5)).toBe(400);
  });
});
