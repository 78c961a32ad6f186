import { describe, expect, it } from "vitest";
import { viewOf } from "../../../lambdas/jobs/jobs.ts";
import { JobView } from "../../../src/contract/api.ts";
import type { EventBody } from "../../../src/contract/events.ts";
import { at, done, failed, givenUp, requested, started, stateOf } from "../core/fixtures.ts";

const error = { name: "Error", message: "no" };
const begun: EventBody[] = [
  ...done("done", 1),
  requested("waits"),
  requested("runs"),
  started("runs"),
  requested("retries"),
  started("retries"),
  failed("retries", { retryAt: at(5_000) }),
  ...givenUp("held"),
  requested("gone"),
  started("gone"),
  failed("gone", { final: true }),
];
const viewAfter = (...events: EventBody[]) => JobView.parse(viewOf(stateOf(...begun, ...events)));
const stepsAfter = (...events: EventBody[]) =>
  Object.fromEntries(viewAfter(...events).steps.map(({ id, requestedAt: _, capability: __, ...step }) => [id, step]));

describe("the view of a job that goes on", () => {
  it("tells what its steps wait for", () => {
    expect(stepsAfter()).toMatchObject({
      done: { status: "completed" },
      waits: { status: "requested", attempts: [] },
      runs: { status: "running", attempts: [{ outcome: "running" }] },
      retries: { status: "retrying", retryAt: at(5_000) },
      held: { status: "dead-lettered", deadLetterSeq: 14 },
      gone: { status: "failed" },
    });
  });
});

describe("the view of a job that has ended", () => {
  it.each<EventBody>([
    { type: "job.cancelled" },
    { type: "job.expired", deadline: at(86_400_000) },
    { type: "job.failed", error },
    { type: "job.completed", output: 1 },
  ])("tells of steps without an answer that they are abandoned, and only their past ($type)", (end) => {
    const attempt = { attempt: 1, startedAt: at(0), endedAt: at(0) };
    const hasFailed = [{ ...attempt, outcome: "failed", error }];
    expect(stepsAfter(end)).toEqual({
      done: { status: "completed", attempts: [{ ...attempt, outcome: "completed" }] },
      waits: { status: "abandoned", attempts: [] },
      runs: { status: "abandoned", attempts: [{ ...attempt, outcome: "abandoned" }] },
      retries: { status: "abandoned", error, attempts: hasFailed },
      held: { status: "abandoned", error, attempts: hasFailed },
      gone: { status: "failed", error, attempts: hasFailed },
    });
  });
});
