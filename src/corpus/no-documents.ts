import type { Corpus } from "../core/resources.ts";

/** For an app that has no documents and needs none. */
export const noDocuments: Corpus = { search: () => [], read: () => undefined };
