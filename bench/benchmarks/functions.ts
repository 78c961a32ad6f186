import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describeApp } from "../../lib/bundling/describe-app.ts";
import { bundleFunctions, FUNCTION_KINDS } from "../../lib/bundling/function-bundles.ts";
import type { FunctionKind } from "../../src/engines/aws/environment.ts";
import { codeBytes, measureInit } from "../function-process.ts";
import { median, type Report } from "../report.ts";

const APP = resolve(import.meta.dirname, "../../app/sluice.ts");
const API: readonly FunctionKind[] = ["submit", "jobs", "events", "capabilities", "openapi", "health", "authorizer"];
const API_BYTES = 1_500_000;
const SUBMIT_INIT_MS = 150;

interface Measured {
  readonly kind: FunctionKind;
  readonly codeBytes: number;
  readonly initMs: number;
  readonly cpuMs: number;
}

/** What a cold start reads and runs: the code of each function, and how long importing it takes in a new process. */
export function functions(quick: boolean): Report {
  const dir = mkdtempSync(join(tmpdir(), "sluice-bench-functions-"));
  try {
    bundleFunctions(APP, describeApp(APP), dir);
    const measured = FUNCTION_KINDS.map((kind) => {
      const inits = Array.from({ length: quick ? 3 : 9 }, () => measureInit(join(dir, kind, "index.mjs")));
      return {
        kind,
        codeBytes: codeBytes(join(dir, kind)),
        initMs: median(inits.map(({ initMs }) => initMs)),
        cpuMs: median(inits.map(({ cpuMs }) => cpuMs)),
      };
    });
    return report(measured);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function report(measured: readonly Measured[]): Report {
  const of = (kind: FunctionKind): Measured => {
    const found = measured.find((each) => each.kind === kind);
    if (found === undefined) throw new RangeError(`${kind} was not measured`);
    return found;
  };
  return {
    tables: [
      {
        title: "Functions: code, and the import of it in a new process",
        columns: ["function", "code, KB", "init, ms", "processor time, ms"],
        rows: measured.map(({ kind, codeBytes: bytes, initMs: ms, cpuMs }) => [kind, bytes / 1_000, ms, cpuMs]),
      },
    ],
    checks: [
      {
        what: "largest code of an API function",
        got: Math.max(...API.map((kind) => of(kind).codeBytes)) / 1_000,
        unit: "KB",
        target: { atMost: API_BYTES / 1_000 },
      },
      { what: "init of submit", got: of("submit").initMs, unit: "ms", target: { atMost: SUBMIT_INIT_MS } },
    ],
    data: measured,
  };
}
