import { expect, test } from "vitest";
import { MAX_WEBHOOK_ATTEMPTS, webhookWaitMs } from "../../../src/core/webhook-schedule.ts";

const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;

test("waits are those of the specification's example, ten attempts in three days and some hours", () => {
  const waits = Array.from({ length: MAX_WEBHOOK_ATTEMPTS }, (_, n) => webhookWaitMs(n + 1, 0));
  expect(waits).toEqual([5 * S, 5 * MIN, 30 * MIN, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H, undefined]);
  // "Time since start" of its last line: 75:35:05.
  expect(waits.reduce<number>((sum, wait) => sum + (wait ?? 0), 0)).toBe(75 * H + 35 * MIN + 5 * S);
});

test("chance adds up to a tenth", () => {
  expect(webhookWaitMs(2, 0.999_999)).toBeCloseTo(5.5 * MIN, -2);
});

test("what a receiver asks for lengthens a wait, up to a day, and never shortens one", () => {
  expect(webhookWaitMs(1, 0, 60 * S)).toBe(60 * S);
  expect(webhookWaitMs(3, 0, 60 * S)).toBe(30 * MIN);
  expect(webhookWaitMs(1, 0, 1_000 * H)).toBe(24 * H);
  expect(webhookWaitMs(10, 0, 60 * S)).toBeUndefined();
});
