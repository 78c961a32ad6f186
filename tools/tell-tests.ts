/**
 * `tell-tests REPORT`: what a reader of CI's last lines needs of a run of the tests, from Vitest's JSON report: which
 * failed and how, which passed only when tried again, and as the last line "N passed, M failed".
 */
import { readFileSync } from "node:fs";
import { relative } from "node:path";

/** The part of Vitest's JSON report that is read here (vitest.dev/guide/reporters#json-reporter). */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const MESSAGE_LINES = 20;
const shortened = (text: string): string => text.split("\n").slice(0, MESSAGE_LINES).join("\n    ");

/** The lines to print. A file that could not be loaded, or whose hook failed, has no failed test: it counts as one. */
export function tellTests({ numPassedTests, numFailedTests, testResults }: Report): string[] {
  const lines: string[] = [];
  let others = 0;
  for (const { name, status, message, assertionResults } of testResults) {
    const file = relative(process.cwd(), name);
    if (status === "failed" && !assertionResults.some((test) => test.status === "failed")) {
      others += 1;
      lines.push(`failed: ${file}\n    ${shortened(message || "a hook of its tests failed: see above")}`);
    }
    for (const { fullName, status: how, failureMessages } of assertionResults) {
      const [first] = failureMessages;
      if (first === undefined) continue;
      // What is told of a test that passed is why it had to be tried again.
      lines.push(`${how === "passed" ? "flaky" : "failed"}: ${file} > ${fullName}\n    ${shortened(first)}`);
    }
  }
  return [...lines, `${numPassedTests} passed, ${numFailedTests + others} failed`];
}

if (import.meta.main) {
  try {
    for (const line of tellTests(JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Report)) console.log(line);
  } catch (error) {
    console.log(`the tests left no report: ${(error as Error).message}\n0 passed, 1 failed`);
  }
}
