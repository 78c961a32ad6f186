import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describeApp } from "../../lib/bundling/describe-app.ts";
import { bundleFunctions, FUNCTION_KINDS } from "../../lib/bundling/function-bundles.ts";
import type { FunctionKind } from "../../src/engines/aws/environment.ts";
import { median, type Report } from "../report.ts";

const APP = resolve(import.meta.dirname, "../../app/sluice.ts");
const API: readonly FunctionKind[] = ["submit", "jobs", "events", "capabilities", "openapi", "health", "authorizer"];
const API_BYTES = 1_500_000;
const SUBMIT_INIT_MS = 150;

/** Made up, of the shape that the stack gives them. */
const VARIABLES = {
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "none",
  AWS_SECRET_ACCESS_KEY: "none",
  SLUICE_STAGE: "bench",
  SLUICE_TABLE: "table",
  SLUICE_BUCKET: "bucket",
  SLUICE_BUS: "bus",
  SLUICE_QUEUE_URL_PREFIX: "https://sqs.us-east-1.amazonaws.com/000000000000/bench-",
  SLUICE_DEPLOY_SEQ: "1",
  SLUICE_CAPABILITY: "completion",
  SLUICE_WORKFLOW: "analysis",
  SLUICE_KEYS_SECRET: "arn:aws:secretsmanager:us-east-1:000000000000:secret:keys",
};

interface Measured {
  readonly kind: FunctionKind;
  readonly codeBytes: number;
  readonly initMs: number;
}

/** What a cold start reads and runs: the code of each function, and how long importing it takes in a new process. */
export function functions(quick: boolean): Report {
  const dir = mkdtempSync(join(tmpdir(), "sluice-bench-functions-"));
  try {
    bundleFunctions(APP, describeApp(APP), dir);
    const measured = FUNCTION_KINDS.map((kind) => ({
      kind,
      codeBytes: codeBytes(join(dir, kind)),
      initMs: median(Array.from({ length: quick ? 3 : 9 }, () => initMs(join(dir, kind, "index.mjs")))),
    }));
    return report(measured);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const codeBytes = (dir: string): number =>
  readdirSync(dir)
    .filter((file) => file.endsWith(".mjs"))
    .reduce((sum, file) => sum + statSync(join(dir, file)).size, 0);

function initMs(file: string): number {
  const code = `const from = performance.now(); await import(${JSON.stringify(pathToFileURL(file).href)}); console.log(performance.now() - from); process.exit()`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    env: VARIABLES,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${file} does not start: ${stderr}`);
  return Number(stdout.trim().split("\n").at(-1));
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
        columns: ["function", "code, KB", "init, ms"],
        rows: measured.map(({ kind, codeBytes: bytes, initMs: ms }) => [kind, bytes / 1_000, ms]),
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
