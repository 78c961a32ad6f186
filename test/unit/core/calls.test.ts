import { expect, test } from "vitest";
import { CallStoppedError, Calls } from "../../../src/core/calls.ts";

const reason = new CallStoppedError("the job is cancelled");

test("stopping a job stops all of its calls and no other's", () => {
  const calls = new Calls();
  const signals = [calls.begin("a", "s", 1), calls.begin("a", "t", 1), calls.begin("b", "s", 1)];
  calls.stop("a", reason);
  expect(signals.map(({ signal }) => signal.aborted)).toEqual([true, true, false]);
  expect(signals[0]?.signal.reason).toBe(reason);
});

test("stopping one attempt leaves the step's other attempts and the job's other steps alone", () => {
  const calls = new Calls();
  const first = calls.begin("a", "s", 1);
  const second = calls.begin("a", "s", 2);
  const other = calls.begin("a", "t", 1);
  calls.stop("a", reason, { stepId: "s", attempt: 1 });
  expect([first, second, other].map(({ signal }) => signal.aborted)).toEqual([true, false, false]);
});

test("ids that could be taken for each other are told apart", () => {
  const calls = new Calls();
  const { signal } = calls.begin("a", "1s", 1);
  expect(calls.has("a", "s", 11)).toBe(false);
  calls.stop("a", reason, { stepId: "s", attempt: 11 });
  expect(signal.aborted).toBe(false);
});

test("a call is made until it has ended, stopped or not", () => {
  const calls = new Calls();
  const one = calls.begin("a", "s", 1);
  const two = calls.begin("a", "t", 1);
  calls.stop("a", reason, { stepId: "s", attempt: 1 });
  expect(calls.has("a", "s", 1)).toBe(true);
  expect(calls.of("a")).toBe(2);
  one.end();
  expect(calls.has("a", "s", 1)).toBe(false);
  expect(calls.of("a")).toBe(1);
  two.end();
  expect(calls.of("a")).toBe(0);
  calls.stop("a", reason);
});

test("the end of an old call does not end the same job's new one", () => {
  const calls = new Calls();
  const old = calls.begin("a", "s", 1);
  old.end();
  const current = calls.begin("a", "s", 2);
  old.end();
  expect(calls.has("a", "s", 2)).toBe(true);
  calls.stop("a", reason);
  expect(current.signal.aborted).toBe(true);
});

test("a call that is expected when its job is stopped is stopped as it begins", () => {
  const calls = new Calls();
  const expected = calls.expect("a");
  const other = calls.expect("b");
  calls.stop("a", reason);
  expect(calls.begin("a", "s", 1, expected.signal).signal.reason).toBe(reason);
  expect(calls.begin("b", "s", 1, other.signal).signal.aborted).toBe(false);
});

test("stopping one attempt stops none that is expected", () => {
  const calls = new Calls();
  const { signal } = calls.expect("a");
  calls.begin("a", "s", 1);
  calls.stop("a", reason, { stepId: "s", attempt: 1 });
  expect(signal.aborted).toBe(false);
});

test("what is expected is no call yet, and nothing of it is left once it has ended", () => {
  const calls = new Calls();
  const first = calls.expect("a");
  const second = calls.expect("a");
  expect(calls.of("a")).toBe(0);
  first.end();
  calls.stop("a", reason);
  expect([first, second].map(({ signal }) => signal.aborted)).toEqual([false, true]);
});
