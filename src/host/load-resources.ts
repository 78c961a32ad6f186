import { join } from "node:path";
import { STANDARD_CAPABILITIES } from "../contract/standard-capabilities.ts";
import type { App } from "../core/define-app.ts";
import type { Corpus, Resources } from "../core/resources.ts";
import { CorpusError } from "../corpus/corpus-error.ts";
import { defaultCorpus, hasDefaultCorpus } from "../corpus/default-corpus.ts";
import { openCorpus } from "../corpus/fts-corpus.ts";
import { noDocuments } from "../corpus/no-documents.ts";
import { parseModelName, UnknownModelError } from "../models/model-name.ts";
import { StartError } from "./options.ts";

export interface ResourceOptions {
  /** In place of the app's. */
  readonly model?: string | undefined;
  /** In place of the app's. */
  readonly corpus?: string | undefined;
  /** Where the index is kept; undefined keeps it in memory. */
  readonly dataDir: string | undefined;
}

/** What the app's capabilities share. Throws {@link StartError} for an unknown model and for documents that cannot be read. */
export function loadResources(app: App, options: ResourceOptions): Resources {
  const model = options.model ?? app.model;
  const dir = options.corpus ?? app.corpus;
  try {
    parseModelName(model);
    const indexFile = options.dataDir === undefined ? ":memory:" : join(options.dataDir, "corpus.index");
    const corpus = dir === undefined ? corpusWithoutDir(app, indexFile) : openCorpus({ dir, indexFile });
    return { tools: app.tools, model, price: app.price, corpus };
  } catch (error) {
    if (error instanceof CorpusError || error instanceof UnknownModelError)
      throw new StartError(error.message, { cause: error });
    throw error;
  }
}

function corpusWithoutDir(app: App, indexFile: string): Corpus {
  if (hasDefaultCorpus()) return openCorpus({ ...defaultCorpus(), indexFile });
  if (!app.capabilities.has(STANDARD_CAPABILITIES.retrieval)) return noDocuments;
  throw new CorpusError(
    "the app retrieves but names no documents, and aws-cdk-lib, whose READMEs would do, is not installed: give --corpus DIR or defineApp({ corpus })",
  );
}
