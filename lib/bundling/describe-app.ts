import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { SynthError } from "../synth-error.ts";
import { AppManifest } from "./app-manifest.ts";
import { bundle } from "./bundle.ts";
import { SLUICE_ROOT, sluiceModule } from "./sluice-root.ts";

const TIMEOUT_MS = 30_000;
/** What Node ends with when an import awaits and nothing is left that could happen (nodejs.org/api/process.html#exit-codes). */
const UNSETTLED = 13;
/** It may read files, since code is among them, and do nothing else to this machine (nodejs.org/api/permissions.html). */
const READS_ONLY = ["--permission", "--allow-fs-read=*"];
/** Where the answer is written; stdout is the app's. */
const ANSWER_FD = 3;

const Answer = z.union([
  z.object({ manifest: AppManifest }),
  z.object({
    error: z.object({
      name: z.string(),
      message: z.string(),
      where: z.string().optional(),
      sideEffect: z.string().optional(),
    }),
  }),
]);

/**
 * What an app is made of, found by importing its module in a process that can reach nothing: no network, no files to
 * write, no environment. Throws {@link SynthError} for a module that is not there, does not load, is no app, or has
 * side effects at import.
 *
 * @param path of the app module, absolute
 */
export function describeApp(path: string): AppManifest {
  if (!isAbsolute(path)) {
    throw new SynthError(`app must be an absolute path, such as require.resolve("./sluice.ts"); got ${path}`);
  }
  if (!existsSync(path)) throw new SynthError(`app ${path}: there is no such file`);
  if (!statSync(path).isFile()) throw new SynthError(`app ${path} must be a file; got a folder`);
  const dir = mkdtempSync(join(tmpdir(), "sluice-describe-"));
  try {
    const entry = sluiceModule("lib/bundling/describe-entry");
    bundle({ app: path, outDir: dir, bundles: [{ name: "describe", entry, runsCapabilities: false, readable: true }] });
    return answerOf(path, join(dir, "describe", "index.mjs"));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function answerOf(path: string, file: string): AppManifest {
  const run = spawnSync(process.execPath, ["--enable-source-maps", ...READS_ONLY, file, SLUICE_ROOT], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    env: {},
  });
  const text = run.output?.[ANSWER_FD] ?? "";
  if (text === "") throw new SynthError(`app ${path} does not load: ${whySilent(run)}`);
  const answer = Answer.parse(JSON.parse(text));
  if ("manifest" in answer) return answer.manifest;
  const { name, message, where, sideEffect } = answer.error;
  const place = where === undefined ? "" : `\n  at ${where}`;
  if (sideEffect !== undefined) {
    throw new SynthError(
      `app ${path} has side effects: ${sideEffect}. An app module is imported everywhere, so it may only define things; connect, read the environment, write and start things inside run${place}`,
    );
  }
  throw new SynthError(`app ${path} does not load: ${name}: ${message}${place}`);
}

function whySilent({ error, status, signal, stderr }: SpawnSyncReturns<string>): string {
  if (status === UNSETTLED) return "its import does not end: it awaits what never happens";
  if (error) {
    return "code" in error && error.code === "ETIMEDOUT" ? `its import took more than ${TIMEOUT_MS} ms` : error.message;
  }
  return stderr.trim() || `its process ended with ${status ?? signal}`;
}
