import { expect, test } from "vitest";
import { TerminalError } from "../../../src/core/retry.ts";
import { settle } from "../../../src/testing/virtual-clock.ts";
import { jobOfOneStep } from "./job-of-one-step.ts";

const LEASE_MS = 75_000;

test.each([
  ["an answer", (end: PromiseWithResolvers<{ text: string }>) => end.resolve({ text: "late" })],
  ["a failure", (end: PromiseWithResolvers<{ text: string }>) => end.reject(new Error("late"))],
])("%s that is late for a step given up by one who died sends the dead letter that is on record", async (_, finish) => {
  const end = Promise.withResolvers<{ text: string }>();
  const job = await jobOfOneStep(() => end.promise, { onInDoubt: "hold" });
  // Its clock stands still, so that it does not know how late it is, but for the short waits after a conflict.
  const nowMs = job.clock.now();
  const setTimer = (ms: number, then: () => void) => (ms < 5_000 ? job.clock.setTimer(ms, then) : () => {});
  const frozen = job.runtimeOf("worker-0", { clock: { now: () => nowMs, setTimer } });
  const late = job.come(frozen);
  await settle();
  await job.clock.advance(LEASE_MS);
  const queue = Object.assign(Object.create(job.engine.queue), { deadLetter: () => new Promise<never>(() => {}) });
  void job.come(job.runtimeOf("worker-1", { queue }));
  await job.clock.advance(1_000);
  expect((await job.types()).slice(-2)).toEqual(["step.in_doubt", "step.dead_lettered"]);
  expect(await job.engine.queue.deadLetters("only", 10)).toEqual([]);
  finish(end);
  await job.clock.advance(1_000);
  expect(await late).toEqual({ retryAfterMs: undefined });
  const { seq } = await job.state();
  expect(await job.engine.queue.deadLetters("only", 10)).toMatchObject([
    { seq, reason: expect.stringContaining("InDoubtError") },
  ]);
});

test("the dead letter of a spare message is none: a person may move it back when its time is long over", async () => {
  const job = await jobOfOneStep(() => {
    throw new TerminalError("hopeless");
  });
  await job.come(job.runtime, { detail: { ...job.detail, spareUntil: job.clock.now() + 60_000 } });
  const [letter] = await job.engine.queue.deadLetters("only", 10);
  expect(letter?.message.detail).toMatchObject({ jobId: job.jobId, stepIds: ["s/0"] });
  expect(letter?.message.detail).not.toHaveProperty("spareUntil");
});
