import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Mutant, patched } from "../../test/simulation/mutant.ts";

const ROOT = join(import.meta.dirname, "../..");

/**
 * From here on this process loads modules with the mutant's bug in them; those loaded before stay as they are. Returns what
 * must be called when all are loaded: it throws if one of the patches was not needed, for then nothing was planted.
 */
export function plant({ name, patches }: Mutant): () => void {
  const files = new Map(
    [...Map.groupBy(patches, ({ file }) => file)].map(([file, of]) => [pathToFileURL(join(ROOT, file)).href, of]),
  );
  const loaded = new Set<string>();
  registerHooks({
    load(url, context, nextLoad) {
      const of = files.get(url);
      if (of === undefined) return nextLoad(url, context);
      loaded.add(url);
      const source = of.reduce(patched, readFileSync(new URL(url), "utf8"));
      return { format: "module-typescript", source, shortCircuit: true };
    },
  });
  return () => {
    const missing = [...files.keys()].filter((url) => !loaded.has(url));
    if (missing.length > 0) throw new Error(`mutant ${name} was not planted in ${missing.join(", ")}`);
  };
}
