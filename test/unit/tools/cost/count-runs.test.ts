import { expect, test } from "vitest";
import { countRuns, READ, RECONCILER, SUBMIT } from "../../../../tools/cost/count-runs.ts";
import { runOf } from "../../../../tools/cost/measurement.ts";
import { parseRuns } from "../../../../tools/cost/raw-lines.ts";

const WORKER = "Sluice/Pipeline/Capability-tool/Worker";
const run = (more: object = {}) => ({
  kind: "run",
  workflow: "analysis",
  jobs: 2,
  messagesPerInvocation: 1,
  emulator: "a test",
  commit: "abc",
  date: "2026-11-25",
  ...more,
});
const invocation = (path: string, more: object = {}) => ({
  kind: "invocation",
  time: 1,
  function: path,
  durationMs: 10,
  records: 0,
  cold: false,
  logBytes: 0,
  ...more,
});
const text = (...lines: object[]): string => lines.map((line) => JSON.stringify(line)).join("\n");
const count = (...lines: object[]) => countRuns(parseRuns(text(...lines), "calls.jsonl"));
const SUBMITTED = [invocation(SUBMIT), invocation(SUBMIT)];

test("each invocation is billed by the begun ms, and cold ones as if they had been warm", () => {
  const { runs } = count(
    run(),
    ...SUBMITTED,
    invocation(WORKER, { durationMs: 10.1, records: 1 }),
    invocation(WORKER, { durationMs: 900, records: 3, cold: true }),
  );
  expect(runs[0]?.functions[WORKER]).toMatchObject({ invocations: 1, records: 2, billedMs: 11 });
  expect(runs[0]?.messagesPerInvocation).toBe(2);
});

test("steps are the messages of a job; who reads, and the reconciler, are counted by the invocation", () => {
  const measurement = count(
    run(),
    ...SUBMITTED,
    ...[1, 2, 3, 4].map(() => invocation(WORKER, { records: 2 })),
    invocation(READ, { durationMs: 3.5 }),
    invocation(READ, { durationMs: 5, records: 1 }),
    run({ jobs: 0, workflow: "none" }),
    invocation(RECONCILER, { durationMs: 7 }),
  );
  expect(measurement.steps).toBe(4);
  expect(measurement.read).toMatchObject({ invocations: 1, billedMs: 4.5, records: 0 });
  expect(measurement.reconciler).toMatchObject({ invocations: 1, billedMs: 7 });
  expect(Object.keys(measurement.runs[0]?.functions ?? {})).toEqual([SUBMIT, WORKER]);
});

test("the run that is nearest to the wanted batches is taken", () => {
  const measurement = count(
    run(),
    ...SUBMITTED,
    invocation(WORKER, { records: 1 }),
    run({ jobs: 1 }),
    invocation(SUBMIT),
    invocation(WORKER, { records: 4 }),
  );
  expect([1, 2, 5].map((messages) => runOf(measurement, messages).jobs)).toEqual([2, 2, 1]);
});

test.each([
  ["no line that begins a run", text(invocation(SUBMIT)), 'calls.jsonl:1: a line of kind "run" must come first'],
  ["an empty file", "\n", 'calls.jsonl has no line of kind "run"'],
  ["a line that is no JSON", `${text(run())}\n{`, "calls.jsonl:2 is no JSON"],
  ["an unknown kind", text(run(), { kind: "trace" }), "calls.jsonl:2: "],
  ["a negative duration", text(run(), invocation(SUBMIT, { durationMs: -1 })), "durationMs"],
  ["no jobs at all", text(run({ jobs: 0 })), "no run with jobs was measured"],
  ["two workflows", text(run(), ...SUBMITTED, run({ workflow: "b" }), ...SUBMITTED), "analysis, b"],
  ["jobs that were not submitted", text(run()), "the run says 2 jobs, but Sluice/Api/Submit was invoked 0 times"],
])("%s is told", (_, content, message) => {
  expect(() => countRuns(parseRuns(content, "calls.jsonl"))).toThrow(message);
});
