import { expect, test } from "vitest";
import type { JobId } from "../../../src/contract/ids.ts";
import { JobStates } from "../../../src/core/job-states.ts";
import type { JobStores } from "../../../src/core/read-job.ts";
import type { JobState } from "../../../src/core/state.ts";
import { done, requested, stateOf } from "./fixtures.ts";

const nothing = {} as JobStores;
const stateOfSize = (n: number, size: number): JobState => ({
  ...stateOf(requested("a")),
  jobId: `job_${n}` as JobId,
  size,
});
const kept = (states: JobStates, count: number): number =>
  Array.from({ length: count }, (_, n) => states.cached(`job_${n}` as JobId)).filter(Boolean).length;

test("folded jobs take a bounded part of memory, whatever their sizes", () => {
  const states = new JobStates(nothing);
  for (let n = 0; n < 100; n++) states.keep(stateOfSize(n, 1024 * 1024));
  expect(kept(states, 100)).toBeGreaterThan(10);
  expect(kept(states, 100)).toBeLessThan(30);
});

test("a job that has grown since it was put in counts with what it has become", () => {
  const states = new JobStates(nothing);
  const jobs = Array.from({ length: 100 }, (_, n) => stateOfSize(n, 0));
  for (const job of jobs) states.keep(job);
  expect(kept(states, 100)).toBe(100);
  for (const job of jobs) {
    job.size = 1024 * 1024;
    states.keep(job);
  }
  expect(kept(states, 100)).toBeLessThan(30);
});

test("an ended job is not kept", () => {
  const states = new JobStates(nothing);
  const state = stateOf(...done("a", 1), { type: "job.completed", output: 1 });
  states.keep({ ...state, status: "running" });
  states.keep(state);
  expect(states.cached(state.jobId)).toBeUndefined();
});
