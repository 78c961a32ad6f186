import { writeFileSync } from "node:fs";
import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";

/** Where the reporter writes a {@link CaseReport} at the end. */
export const REPORT_VARIABLE = "SLUICE_CONFORMANCE_REPORT";

/** How a case of the suite went. */
export interface CaseResult {
  /** The full name, by which the list of exceptions names it. */
  readonly name: string;
  readonly file: string;
  readonly state: "passed" | "failed" | "skipped";
  readonly durationMs: number;
  /** Why it was skipped. */
  readonly reason?: string;
  readonly errors?: readonly string[];
}

export interface CaseReport {
  readonly cases: readonly CaseResult[];
  /** What went wrong outside of any case, such as a file that does not load. */
  readonly errors: readonly string[];
}

/** A line for each case as it ends, and all of them in a file. */
export default class CaseReporter implements Reporter {
  readonly #cases: CaseResult[] = [];

  onTestCaseResult(testCase: TestCase): void {
    const result = resultOf(testCase);
    if (result === undefined) return;
    this.#cases.push(result);
    console.log(rowOf(result));
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const outside = modules.flatMap((module) =>
      module.errors().map(({ message }) => `${module.relativeModuleId}: ${message}`),
    );
    const report: CaseReport = { cases: this.#cases, errors: [...outside, ...unhandled.map(({ message }) => message)] };
    const file = process.env[REPORT_VARIABLE];
    if (file !== undefined) writeFileSync(file, JSON.stringify(report));
  }
}

/** Undefined for a case that was not asked for: the suite itself skips none without a reason. */
function resultOf(testCase: TestCase): CaseResult | undefined {
  const { state, ...result } = testCase.result();
  const about = {
    name: testCase.fullName,
    file: testCase.module.relativeModuleId,
    durationMs: Math.round(testCase.diagnostic()?.duration ?? 0),
  };
  switch (state) {
    case "passed":
      return { ...about, state };
    case "failed":
      return { ...about, state, errors: (result.errors ?? []).map(said) };
    case "skipped": {
      const reason = "note" in result ? result.note : undefined;
      return reason === undefined ? undefined : { ...about, state, reason };
    }
    default:
      return undefined;
  }
}

/** An error with the difference it is about, and where in the suite it was found. */
function said({ message, diff, stacks = [] }: NonNullable<ReturnType<TestCase["result"]>["errors"]>[number]): string {
  const [place] = stacks.filter(({ file }) => file.endsWith(".test.ts"));
  const at = place === undefined ? "" : ` (${place.file.split("/").at(-1)}:${place.line})`;
  return `${message}${at}${diff === undefined ? "" : `\n${diff}`}`;
}

function rowOf({ state, durationMs, name, reason }: CaseResult): string {
  const row = `${state.padEnd(8)} ${String(durationMs).padStart(7)} ms  ${name}`;
  return reason === undefined ? row : `${row}\n${" ".repeat(20)}${reason}`;
}
