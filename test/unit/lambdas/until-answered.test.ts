import type { APIGatewayProxyEvent, Context } from "aws-lambda";
import { expect, test } from "vitest";
import type { HttpResult } from "../../../lambdas/http-handler.ts";
import { untilAnswered } from "../../../lambdas/until-answered.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";

const call = (result: HttpResult, remainingMs: number) => {
  const clock = new VirtualClock();
  const context = { getRemainingTimeInMillis: () => remainingMs } as Context;
  const handler = untilAnswered(async () => result, clock);
  return { clock, answer: handler({} as APIGatewayProxyEvent, context) };
};

test("a function answers in what is left of its time, and says so to whoever waits", async () => {
  const later = (signal: AbortSignal): Promise<HttpResult> =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve({ statusCode: 202, body: "late" })));
  const { clock, answer } = call({ statusCode: 202, body: "now", later }, 10_000);
  let answered = false;
  void answer.then(() => {
    answered = true;
  });
  await clock.advance(7_999);
  expect(answered).toBe(false);
  await clock.advance(1);
  expect(await answer).toEqual({ statusCode: 202, body: "late" });
});

test("it answers as soon as there is an answer, and leaves no timer behind", async () => {
  const { clock, answer } = call(
    { statusCode: 202, body: "now", later: async () => ({ statusCode: 200, body: "end" }) },
    10_000,
  );
  expect(await answer).toEqual({ statusCode: 200, body: "end" });
  await settle();
  expect(clock.nextMs).toBeUndefined();
});
