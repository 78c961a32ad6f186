import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { UsageError } from "./read-outputs.ts";

/**
 * Runs the CDK that the project in `folder` has installed, on this terminal. Resolves with its exit status; while it
 * runs, Ctrl-C is its own to handle. Throws {@link UsageError} where none is installed.
 */
export async function runCdk(args: readonly string[], folder = process.cwd()): Promise<number> {
  // `npm run` does the same: what the CDK starts, such as the `node` of cdk.json, is the project's.
  const PATH = [join(folder, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const child = spawn(process.execPath, [cdkOf(folder), ...args], {
    cwd: folder,
    stdio: "inherit",
    env: { ...process.env, PATH },
  });
  // Ctrl-C reaches both: the CDK ends in its own way, and is waited for.
  const ignore = () => {};
  const forward = () => child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", forward);
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } finally {
    process.off("SIGINT", ignore).off("SIGTERM", forward);
  }
}

function cdkOf(folder: string): string {
  try {
    const manifest = createRequire(join(folder, "package.json")).resolve("aws-cdk/package.json");
    return join(dirname(manifest), "bin/cdk");
  } catch {
    throw new UsageError("the CDK's command line is not installed here: npm ci, or npm install -D aws-cdk");
  }
}
