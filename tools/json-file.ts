import { statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "./read-outputs.ts";

/** The file of `--json FILE`, as it was given. Throws {@link UsageError} now rather than after minutes of work where its folder is not there. */
export function checkJsonFile(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  const folder = dirname(file);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return file;
  throw new UsageError(`--json ${file}: there is no folder ${folder}`);
}

/** Writes what a script has measured, where a file was given. */
export function writeJson(file: string | undefined, value: unknown): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}
