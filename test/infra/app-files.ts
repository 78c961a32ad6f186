import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SCRATCH } from "./scratch.ts";

const ROOT = join(import.meta.dirname, "../..");

/** A folder for an app's files, where packages are found. It is gone when the file's tests have run. */
export function appFolder(): string {
  const dir = mkdtempSync(join(SCRATCH, "app-"));
  symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"));
  return dir;
}

/** Writes an app module and gives its path. The source names Sluice's public API `SLUICE`. */
export function writeApp(source: string, dir = appFolder(), name = "sluice.ts"): string {
  const path = join(dir, name);
  writeFileSync(path, source.replaceAll("SLUICE", join(ROOT, "src/index.ts")));
  return path;
}

/** What an app of a test may say besides its workflows and capabilities. */
export interface AppParts {
  /** Names, each with what `defineCapability` is given besides. */
  readonly capabilities?: Readonly<Record<string, object>>;
  readonly workflows?: readonly string[];
  /** What `defineApp` is given besides. */
  readonly options?: object;
}

/** The source of an app whose parts do nothing of interest. */
export function appSource({ capabilities = { echo: {} }, workflows = ["main"], options = {} }: AppParts): string {
  const define = Object.entries(capabilities).map(
    ([name, more]) =>
      `defineCapability({ input: Any, output: Any, run: (input) => input, ...${JSON.stringify({ name, ...more })} })`,
  );
  const flows = workflows.map(
    (name) => `defineWorkflow({ name: "${name}", input: Any, output: Any, run: async (_, input) => input })`,
  );
  return [
    'import { z } from "zod";',
    'import { defineApp, defineCapability, defineWorkflow } from "SLUICE";',
    "const Any = z.object({});",
    `export default defineApp({ workflows: [${flows}], capabilities: [${define}], ...${JSON.stringify(options)} });`,
    "",
  ].join("\n");
}
