/** The index of the app's documents, beside the code of functions that run capabilities. */
export const CORPUS_FILE = "corpus.index";
