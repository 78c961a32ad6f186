import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CaseReport, REPORT_VARIABLE } from "../test/conformance/case-reporter.ts";
import { staleExceptions } from "../test/conformance/exceptions.ts";
import { type Connection, type Target, VARIABLES } from "../test/conformance/target.ts";

/** Files of the suite under way at once. */
const WORKERS: Readonly<Record<Target, number>> = { embedded: 2, emulator: 2, aws: 4 };

export interface RunOptions {
  /** Only cases whose full name contains this. */
  readonly only?: string;
  /** Ends the run. */
  readonly signal?: AbortSignal;
}

/**
 * Runs the suite against a target, a line for each case on standard output. Resolves with what came of it, whatever that
 * is; `errors` has what no case tells, among it exceptions that name no case.
 */
export async function runConformance(connection: Connection, { only, signal }: RunOptions = {}): Promise<CaseReport> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-conformance-"));
  const file = join(dir, "report.json");
  try {
    const { target, url, socketUrl, key, otherKey } = connection;
    const code = await vitest(
      [
        ...["run", "--project", "conformance", "--reporter", "./test/conformance/case-reporter.ts"],
        ...["--maxWorkers", String(WORKERS[target])],
        ...(only === undefined ? [] : ["--testNamePattern", literally(only)]),
      ],
      {
        [VARIABLES.target]: target,
        [VARIABLES.url]: url,
        [VARIABLES.socketUrl]: socketUrl,
        [VARIABLES.key]: key,
        [VARIABLES.otherKey]: otherKey,
        [REPORT_VARIABLE]: file,
      },
      signal,
    );
    return whole(reportIn(file), code, only);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What went wrong, if anything did, is in the report: nothing that looks like success is left. */
function whole(report: CaseReport | undefined, code: number | null, only: string | undefined): CaseReport {
  const { cases, errors } = report ?? { cases: [], errors: [] };
  const more = [...errors];
  if (report === undefined) more.push(`the suite did not come to its end (exit status ${code ?? "none"})`);
  else if (cases.length === 0)
    more.push(`no case${only === undefined ? "" : ` has ${JSON.stringify(only)} in its name`}`);
  if (report !== undefined && only === undefined) {
    for (const name of staleExceptions(cases.map((each) => each.name))) {
      more.push(`test/conformance/exceptions.ts names a case that there is not: ${JSON.stringify(name)}`);
    }
  }
  if (code !== 0 && more.length === 0 && !cases.some(({ state }) => state === "failed")) {
    more.push(`vitest ended with exit status ${code ?? "none"}`);
  }
  return { cases, errors: more };
}

function vitest(args: readonly string[], variables: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<number | null> {
  const program = join(dirname(fileURLToPath(import.meta.resolve("vitest/package.json"))), "vitest.mjs");
  const child = spawn(process.execPath, [program, ...args], {
    cwd: join(import.meta.dirname, ".."),
    env: { ...process.env, ...variables },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const end = (): boolean => child.kill("SIGTERM");
  signal?.addEventListener("abort", end, { once: true });
  if (signal?.aborted) end();
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => signal?.removeEventListener("abort", end)) as Promise<number | null>;
}

/** The pattern that matches this text and no other. */
const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

function reportIn(file: string): CaseReport | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as CaseReport;
  } catch {
    return undefined;
  }
}
