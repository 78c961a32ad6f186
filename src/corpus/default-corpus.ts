import { createRequire } from "node:module";
import { dirname } from "node:path";
import type { CorpusOptions } from "./fts-corpus.ts";

/**
 * The documents that every install has: the READMEs of `aws-cdk-lib`, about 360 of them. Spread it into
 * `openCorpus` for an app that names no corpus of its own.
 *
 * Throws Node's `MODULE_NOT_FOUND` where `aws-cdk-lib` is not installed, as in a function's bundle.
 */
export function defaultCorpus(): Pick<CorpusOptions, "dir" | "match"> {
  return { dir: defaultCorpusDir(), match: /^README\.md$/ };
}

export function defaultCorpusDir(): string {
  return dirname(createRequire(import.meta.url).resolve("aws-cdk-lib/package.json"));
}

/** False where `aws-cdk-lib` is not installed: an app that runs embedded only can do without it. */
export function hasDefaultCorpus(): boolean {
  try {
    return defaultCorpusDir() !== "";
  } catch {
    return false;
  }
}
