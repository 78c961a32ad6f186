import { describe, expect, test } from "vitest";
import type { JobEvent } from "../../../../src/contract/events.ts";
import { accountFor, noFigures } from "../../../../tools/soak/accounts.ts";
import { answerTo } from "../../../../tools/soak/ask.ts";
import type { CallOutcome, ModelCall } from "../../../../tools/soak/model-call.ts";
import { stepsOf } from "../../../../tools/soak/step-history.ts";

/** Two processes: the first lives from 0 to 1,000 ms, the second from 1,100 ms on. */
const lives = [
  { generation: 0, pid: 1, startedMs: 0, killedMs: 1_000 },
  { generation: 1, pid: 2, startedMs: 1_100 },
];
const job = "job-1";
const text = answerTo({ job, step: "s" });

type Told = { readonly type: JobEvent["type"]; readonly at: number } & Readonly<Record<string, unknown>>;
const started = (at: number, attempt: number): Told => ({ type: "step.started", at, attempt });
const doubt = (at: number, attempt: number): Told => ({ type: "step.in_doubt", at, attempt, policy: "rerun" });
const failed = (at: number, attempt: number, counts = true): Told => ({
  ...{ type: "step.failed", at, attempt, counts, final: false, error: { name: "Error", message: "no" } },
});
const completed = (at: number, attempt: number, said = text): Told => ({
  ...{ type: "step.completed", at, attempt, result: { text: said } },
});
const streamed = (at: number, attempt: number, said = text): Told => ({
  ...{ type: "step.progress", at, attempt, offset: 0, text: said, final: true },
});
const call = (acceptedMs: number, outcome: CallOutcome = "answered", generation = acceptedMs < 1_100 ? 0 : 1) =>
  ({ job, step: "s", generation, acceptedMs, outcome }) satisfies ModelCall;

function account(events: readonly Told[], calls: readonly ModelCall[]) {
  const log = [{ type: "step.requested", at: 0 } as Told, ...events].map(({ at, ...event }, index) => ({
    ...{ seq: index + 2, jobId: job, tenant: "t", time: new Date(at).toISOString() },
    ...{ stepId: "s", capability: "completion" },
    ...event,
  })) as unknown as JobEvent[];
  const [step] = stepsOf(log);
  if (step === undefined) throw new Error("no step");
  const figures = noFigures();
  return { broken: accountFor(job, step, calls, lives, figures), figures };
}

describe("agrees with", () => {
  test("a step that was called once", () => {
    const { broken, figures } = account([started(10, 1), streamed(50, 1), completed(50, 1)], [call(12)]);
    expect(broken).toEqual([]);
    expect(figures).toMatchObject({ attempts: 1, calls: 1, inferences: 1, recovered: 0 });
  });

  test("a rerun of a call that a kill left in doubt, answered or not", () => {
    const log = [started(10, 1), doubt(1_200, 1), started(1_200, 2), completed(1_300, 2)];
    expect(account(log, [call(12, "abandoned"), call(1_210)])).toMatchObject({
      broken: [],
      figures: { attempts: 2, calls: 2, inferences: 2, reruns: 1, answersLost: 0 },
    });
    expect(account(log, [call(12), call(1_210)])).toMatchObject({ broken: [], figures: { answersLost: 1 } });
  });

  test("an attempt that was killed between its claim and its call", () => {
    const log = [started(10, 1), doubt(1_200, 1), started(1_200, 2), completed(1_300, 2)];
    expect(account(log, [call(1_210)])).toMatchObject({ broken: [], figures: { attempts: 2, calls: 1, unreached: 1 } });
  });

  test("failed attempts of one process, and throttled ones, which are no inferences", () => {
    const log = [started(10, 1), failed(20, 1, false), started(20, 2), failed(40, 2), started(40, 3), completed(60, 3)];
    expect(account(log, [call(11, "throttled"), call(20, "broken"), call(40)])).toMatchObject({
      broken: [],
      figures: { attempts: 3, calls: 3, inferences: 2, failed: 1, throttled: 1 },
    });
  });

  test("a stream that the next process recovered", () => {
    const log = [started(10, 1), streamed(999, 1), completed(1_200, 1)];
    expect(account(log, [call(12)])).toMatchObject({ broken: [], figures: { attempts: 1, recovered: 1 } });
  });
});

describe("says that", () => {
  test.each<[string, readonly Told[], readonly ModelCall[]]>([
    [
      "process 0 made 2 calls of the model, with 1 attempts on record",
      [started(10, 1), completed(50, 1)],
      [call(12), call(20)],
    ],
    [
      "process 1 made 1 calls of the model, with 0 attempts on record",
      [started(10, 1), completed(50, 1)],
      [call(12), call(1_210)],
    ],
    ["called 1 times more after its result was recorded", [started(10, 1), completed(50, 1)], [call(12), call(1_210)]],
    [
      "called 1 times more after its result was recorded",
      [started(10, 1), streamed(990, 1), doubt(1_200, 1), started(1_200, 2), completed(1_300, 2)],
      [call(12), call(1_210)],
    ],
    [
      "attempt 1 is in doubt, though its process was not killed",
      [started(10, 1), doubt(30, 1), started(30, 2), completed(50, 2)],
      [call(12), call(31)],
    ],
    [
      "attempt 2 has no reason on record",
      [started(10, 1), started(1_200, 2), completed(1_300, 2)],
      [call(12), call(1_210)],
    ],
    ["attempt 1 step.completed, and the model was never called", [started(10, 1), completed(50, 1)], []],
    [
      "attempt 1 step.failed, and the model was never called",
      [started(10, 1), failed(20, 1), started(1_200, 2), completed(1_300, 2)],
      [call(1_210)],
    ],
    ["attempt 1 completed, and its call was abandoned", [started(10, 1), completed(50, 1)], [call(12, "abandoned")]],
    [
      "attempt 1 failed (Error), and its call was answered",
      [started(10, 1), failed(20, 1), started(20, 2), completed(50, 2)],
      [call(12), call(21)],
    ],
    ["attempt 1 was called before its claim", [started(10, 1), completed(50, 1)], [call(9)]],
    ["attempt 1 called as attempt 2", [started(10, 1), completed(50, 1)], [{ ...call(12), attempt: 2 }]],
    ["its result is not what the model answered", [started(10, 1), completed(50, 1, "else")], [call(12)]],
    ["its recorded stream is not its result", [started(10, 1), streamed(40, 1, "else"), completed(50, 1)], [call(12)]],
  ])("%s", (said, log, calls) => {
    expect(account(log, calls).broken).toContain(`job-1 step s: ${said}`);
  });
});
