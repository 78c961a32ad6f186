import { spawnSync } from "node:child_process";
import { isBuiltin } from "node:module";
import { SynthError } from "../synth-error.ts";
import type { BundleRequest } from "./bundle-request.ts";
import { sluiceModule } from "./sluice-root.ts";

/** Makes bundles, synchronously. Throws {@link SynthError} with what the bundler said, such as an import that is not there. */
export function bundle(request: BundleRequest): void {
  if (!isBuiltin("node:sqlite")) {
    throw new SynthError(
      `Sluice needs Node 24, or 22 from 22.18 on: this one, ${process.version}, has no node:sqlite, which indexes documents`,
    );
  }
  const { status, stderr, error } = spawnSync(process.execPath, [sluiceModule("lib/bundling/bundler")], {
    input: JSON.stringify(request),
    encoding: "utf8",
  });
  if (error) throw new SynthError(`the bundler could not be started: ${error.message}`, { cause: error });
  if (status !== 0) throw new SynthError(`app ${request.app} cannot be bundled:\n${stderr.trim()}`);
}
