import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * `node --import ./tools/from-source.ts`: who imports the package by its name, as examples do, gets its source and not what was
 * built of it.
 */
const SOURCES: Readonly<Record<string, string>> = {
  sluice: "index.ts",
  "sluice/embedded": "embedded.ts",
  "sluice/testing": "testing/index.ts",
};

registerHooks({
  resolve(specifier, context, next) {
    const source = Object.hasOwn(SOURCES, specifier) ? SOURCES[specifier] : undefined;
    if (source === undefined) return next(specifier, context);
    return { url: pathToFileURL(join(import.meta.dirname, "../src", source)).href, shortCircuit: true };
  },
});
