import { expect, test } from "vitest";
import type { StepContext } from "../../../src/core/define-capability.ts";
import type { Deltas, EventLog } from "../../../src/core/ports.ts";
import { settle } from "../../../src/testing/virtual-clock.ts";
import { jobOfOneStep } from "./job-of-one-step.ts";

/** A step that streams what the test has it stream, where text is on record after two seconds, and all that its watchers are shown. */
async function stream() {
  const answer = Promise.withResolvers<{ text: string }>();
  let step: StepContext | undefined;
  const job = await jobOfOneStep(
    (_, context) => {
      step = context;
      return answer.promise;
    },
    { retry: { maxAttempts: 1 } },
  );
  const shown: (string | number)[] = [];
  const deltas: Deltas = {
    begin: (attempt) => {
      expect(attempt).toEqual({ jobId: job.jobId, stepId: "s/0", attempt: 1 });
      return {
        add: (text) => shown.push(text),
        recorded: (length) => shown.push(length),
        end: () => shown.push("end"),
      };
    },
    // A step waits for nothing of it.
    settled: () => new Promise(() => {}),
  };
  let isAway = false;
  const log: EventLog = {
    read: (...range) => job.engine.log.read(...range),
    tail: (...range) => job.engine.log.tail(...range),
    async append(commit, effects) {
      if (isAway) throw new Error("away");
      const outcome = await job.engine.log.append(commit, effects);
      for (const { type } of JSON.parse(commit.body) as { type: string }[]) shown.push(type);
      return outcome;
    },
  };
  const times = { progressFlushMs: 2_000, firstProgressMs: 2_000 };
  const coming = job.come(job.runtimeOf("worker-1", { deltas, log, ...times }));
  await settle();
  return {
    answer,
    shown,
    clock: job.clock,
    coming,
    say: (text: string) => step?.progress(text),
    away: (is: boolean) => {
      isAway = is;
    },
  };
}

test("a step's words are shown as they come, and what the log has is told; before its result, showing ends", async () => {
  const { say, shown, clock, answer, coming } = await stream();
  for (const word of ["a", "", "bc"]) say(word);
  await clock.advance(2_000);
  say("d");
  answer.resolve({ text: "abcd" });
  await coming;
  expect(shown).toEqual([
    "step.started",
    ...["a", "bc"],
    ...["step.progress", 3],
    ...["d", "end"],
    ...["step.progress", 4],
    "step.completed",
    "job.completed",
  ]);
});

test("what could not be recorded is not told as if it had been", async () => {
  const { say, shown, clock, answer, coming, away } = await stream();
  away(true);
  say("a");
  await clock.advance(2_000);
  say("b");
  away(false);
  await clock.advance(2_000);
  expect(shown).toEqual(["step.started", "a", "b", "step.progress", 2]);
  answer.resolve({ text: "ab" });
  await coming;
});

test("showing ends with a call that fails, too, and with one that has not streamed", async () => {
  for (const word of ["a", ""]) {
    const { say, shown, answer, coming } = await stream();
    say(word);
    answer.reject(new Error("broken"));
    await coming;
    expect(shown.filter((each) => each === "end")).toEqual(["end"]);
    expect(shown.indexOf("end")).toBeLessThan(shown.indexOf("step.failed"));
  }
});
