import { dirname } from "node:path";
import type { BuildOptions } from "esbuild";

/** Packages that are CommonJS call `require`, and ask where they are, which is now the bundle: no ES module has that. */
const COMMON_JS =
  `import{createRequire as sluiceRequire}from"node:module";const require=sluiceRequire(import.meta.url),` +
  `sluiceFilename=import.meta.filename,sluiceDirname=import.meta.dirname;`;

/** What every bundle is made with, whatever it is for. @param app the app module's path */
export const bundleOptions = (app: string): BuildOptions => ({
  // Names of chunks are made from paths below it: the same bundles, wherever the command is run.
  absWorkingDir: dirname(app),
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node24",
  mainFields: ["module", "main"],
  banner: { js: COMMON_JS },
  // Only where a file has no such name of its own.
  define: { __filename: "sluiceFilename", __dirname: "sluiceDirname" },
  alias: { "#app": app },
  logLevel: "error",
});

/** Names of classes and functions stay, so that an error in a log names what it is and where it was. */
export const FOR_LAMBDA: BuildOptions = {
  splitting: true,
  minify: true,
  keepNames: true,
  legalComments: "none",
};
