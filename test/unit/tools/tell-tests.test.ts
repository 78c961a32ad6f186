import { expect, test } from "vitest";
import { tellTests } from "../../../tools/tell-tests.ts";

const result = (status: string, ...failureMessages: string[]) => ({
  fullName: `is ${status}`,
  status,
  failureMessages,
});
const file = (status: string, message: string, assertionResults: ReturnType<typeof result>[]) => ({
  name: `${process.cwd()}/test/a.test.ts`,
  status,
  message,
  assertionResults,
});

test("a failure is told with its file and message, before the counts", () => {
  const testResults = [file("failed", "", [result("passed"), result("failed", "AssertionError: 1\n  at x", "again")])];
  expect(tellTests({ numPassedTests: 1, numFailedTests: 1, testResults })).toEqual([
    "failed: test/a.test.ts > is failed\n    AssertionError: 1\n      at x",
    "1 passed, 1 failed",
  ]);
});

test("what passed only when tried again is told as flaky, and does not count as failed", () => {
  const testResults = [file("passed", "", [result("passed", "Error: late")])];
  expect(tellTests({ numPassedTests: 1, numFailedTests: 0, testResults })).toEqual([
    "flaky: test/a.test.ts > is passed\n    Error: late",
    "1 passed, 0 failed",
  ]);
});

test("a file whose hook failed, so that its tests were skipped, is a failure", () => {
  const testResults = [file("failed", "", [result("skipped")])];
  expect(tellTests({ numPassedTests: 0, numFailedTests: 0, testResults })).toEqual([
    "failed: test/a.test.ts\n    a hook of its tests failed: see above",
    "0 passed, 1 failed",
  ]);
});

test("a file that could not be loaded is a failure", () => {
  const testResults = [file("failed", "SyntaxError: no", [])];
  expect(tellTests({ numPassedTests: 0, numFailedTests: 0, testResults })).toEqual([
    "failed: test/a.test.ts\n    SyntaxError: no",
    "0 passed, 1 failed",
  ]);
});
