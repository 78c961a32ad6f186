import middy from "@middy/core";
import type { Context } from "aws-lambda";
import { expect, test } from "vitest";
import { flushing } from "../../../lambdas/flushing.ts";

/** How often one invocation has flushed what it recorded. */
async function flushesOf(
  handler: () => Promise<string>,
): Promise<{ answer: unknown; flushes: number; told: boolean; sent: boolean }> {
  let flushes = 0;
  let told = false;
  let sent = false;
  const flush = () => {
    flushes += 1;
  };
  const invoke = middy()
    .use(
      flushing({
        metrics: { record() {}, flush },
        watchers: {
          committed() {},
          async settled() {
            await new Promise(setImmediate);
            told = true;
          },
        },
        deltas: {
          begin: () => ({ add() {}, recorded() {}, end() {} }),
          async settled() {
            await new Promise(setImmediate);
            sent = true;
          },
        },
      }),
    )
    .handler(handler);
  const answer = await invoke({}, {} as Context).catch((error: Error) => error.message);
  return { answer, flushes, told, sent };
}

test("what an invocation recorded is flushed, and who is to be told is told, and what is on its way sent, before it answers", async () => {
  expect(await flushesOf(async () => "done")).toEqual({ answer: "done", flushes: 1, told: true, sent: true });
});

test("and before it fails: the function may never be called again", async () => {
  const fail = async () => {
    throw new Error("boom");
  };
  expect(await flushesOf(fail)).toEqual({ answer: "boom", flushes: 1, told: true, sent: true });
});
