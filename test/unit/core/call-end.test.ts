import { expect, test } from "vitest";
import { callEndOf } from "../../../src/core/call-end.ts";
import { CallStoppedError } from "../../../src/core/calls.ts";
import {
  HeldError,
  OutputError,
  ReleasedError,
  TerminalError,
  ThrottledError,
  TimeoutError,
} from "../../../src/core/retry.ts";

const retryable = { classify: () => ({ kind: "retryable" as const }) };

test.each([
  ["a request that it refuses", new TerminalError("400")],
  ["a key that it refuses", new HeldError("401")],
  ["an answer that its schema forbids", new OutputError("no")],
])("%s is an answer of the provider", (_, error) => {
  expect(callEndOf(error, retryable)).toEqual({ end: "answered" });
});

test.each([
  ["a timeout", new TimeoutError("60 s"), undefined],
  ["a 5xx", new ThrottledError("503"), undefined],
  ["a 429 that says when to come again", new ThrottledError("429", 2_000), 2_000],
  ["an answer that breaks off", new Error("broke off"), undefined],
  ["what is no error at all", "fetch failed", undefined],
])("%s is a failure of the provider", (_, error, retryAfterMs) => {
  expect(callEndOf(error, retryable)).toEqual({
    end: "provider-failed",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
});

test.each([
  ["its worker's time was over", new ReleasedError("released", 0)],
  ["its job was cancelled", new CallStoppedError("cancelled")],
])("a call that ended since %s says nothing of the provider", (_, error) => {
  expect(callEndOf(error, retryable)).toEqual({ end: "cut-off" });
});

test("a capability's own judgement is followed, and one that fails is not", () => {
  const error = new Error("quota");
  expect(callEndOf(error, { classify: () => ({ kind: "terminal" }) })).toEqual({ end: "answered" });
  expect(callEndOf(error, { classify: () => ({ kind: "throttled", retryAfterMs: 5 }) })).toEqual({
    end: "provider-failed",
    retryAfterMs: 5,
  });
  const broken = () => {
    throw new Error("bug");
  };
  expect(callEndOf(error, { classify: broken })).toEqual({ end: "provider-failed" });
});
