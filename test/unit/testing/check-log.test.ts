import { expect, test } from "vitest";
import type { EventBody, JobEvent } from "../../../src/contract/events.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { brokenInvariants } from "../../../src/testing/check-log.ts";

const time = "2030-01-01T00:00:00.000Z";
const step = { stepId: "only", capability: "echo" };
const error = { name: "Error", message: "no" };

const submitted: EventBody = { type: "job.submitted", workflow: "w", digest: "d", deadline: time, expires: time };
const requested: EventBody = { type: "step.requested", ...step };
const started = (attempt: number): EventBody => ({
  type: "step.started",
  ...step,
  attempt,
  lease: { holder: "h", until: time },
});
const streamed = (offset: number, text: string, final = false): EventBody => ({
  type: "step.progress",
  ...step,
  attempt: 1,
  offset,
  text,
  leaseUntil: time,
  ...(final ? { final } : {}),
});
const failed = (attempt: number, counts = true, final = false): EventBody => ({
  type: "step.failed",
  ...step,
  attempt,
  error,
  counts,
  final,
});
const doubted = (attempt: number): EventBody => ({ type: "step.in_doubt", ...step, attempt, policy: "rerun" });
const done = (attempt: number): EventBody => ({ type: "step.completed", ...step, attempt });
const letter: EventBody = { type: "step.dead_lettered", ...step, attempt: 2, error };
const recorded: EventBody = { type: "value.recorded", valueId: "now/a", value: 1 };
const completed: EventBody = { type: "job.completed" };

const about = { jobId: `job_${"a".repeat(26)}` as JobId, tenant: "acme" as TenantId, time };
const logOf = (...events: EventBody[]): JobEvent[] => events.map((event, n) => ({ seq: n + 1, ...about, ...event }));
const broken = (log: readonly JobEvent[]) => brokenInvariants(log, new Map([["echo", 2]]));

const begun = [submitted, requested];

test.each([
  ["that goes well", [...begun, started(1), done(1), completed]],
  [
    "with a retry, and throttling that does not count",
    [...begun, started(1), failed(1), started(2), failed(2, false), started(3), done(3)],
  ],
  ["with an attempt in doubt", [...begun, started(1), doubted(1), started(2), done(2), completed]],
  ["that waits for a person", [...begun, started(1), failed(1), started(2), failed(2, true, true), letter]],
  ["with a stream", [...begun, started(1), streamed(0, "ab"), streamed(2, "c", true), done(1), completed]],
  ["whose last step is abandoned", [...begun, started(1), recorded, completed]],
])("a log %s breaks no invariant", (_, events) => {
  expect(broken(logOf(...events))).toEqual([]);
});

test.each<[string, string, EventBody[]]>([
  ["1", "ends twice", [...begun, completed, completed]],
  ["1", "goes on after its end", [...begun, completed, recorded]],
  ["1", "does not begin with its submission", [requested]],
  ["1", "is submitted twice", [submitted, submitted]],
  ["1", "starts a step that nobody asked for", [submitted, started(1)]],
  ["2", "asks for a step twice", [...begun, requested]],
  ["2", "completes a step twice", [...begun, started(1), done(1), done(1)]],
  ["2", "starts a completed step", [...begun, started(1), done(1), started(2)]],
  ["2", "starts a step that was given up", [...begun, started(1), failed(1, true, true), letter, started(2)]],
  ["2", "sets aside a completed step", [...begun, started(1), done(1), letter]],
  ["2", "records a value twice", [submitted, recorded, recorded]],
  ["3", "starts an attempt while one is live", [...begun, started(1), started(2)]],
  ["3", "starts its attempts anew", [...begun, started(1), failed(1), started(1)]],
  ["3", "records a superseded attempt", [...begun, started(1), doubted(1), started(2), done(1)]],
  ["3", "records an attempt that has ended", [...begun, started(1), failed(1), done(1)]],
  ["4", "loses an attempt", [...begun, started(1), letter]],
  ["4", "has a hole in a stream", [...begun, started(1), streamed(0, "ab"), streamed(3, "c", true), done(1)]],
  ["4", "streams on after the end", [...begun, started(1), streamed(0, "ab", true), streamed(2, "c")]],
  ["4", "completes before its stream has ended", [...begun, started(1), streamed(0, "ab"), done(1)]],
  ["7", "goes on when its attempts are used up", [...begun, started(1), failed(1), started(2), failed(2)]],
  ["7", "gives up for what does not count", [...begun, started(1), failed(1, false, true)]],
])("invariant %s is broken by a log that %s", (invariant, _, events) => {
  expect(broken(logOf(...events))).toEqual([expect.stringMatching(new RegExp(`^${invariant}: `))]);
});

test("invariant 1 is broken by a gap, another job's event, and nothing at all", () => {
  const [first, second, third] = logOf(...begun, completed) as [JobEvent, JobEvent, JobEvent];
  expect(broken([first, third])).toHaveLength(1);
  expect(broken([first, { ...second, tenant: "other" as TenantId }, third])).toHaveLength(1);
  expect(broken([])).toHaveLength(1);
});
