import type { z } from "zod";

/**
 * What capabilities share and an app configures: its tools, its model and its documents. Core carries it from the
 * app to `run` and never looks inside.
 */
export interface Resources {
  readonly tools: ReadonlyMap<string, Tool>;
  /** The name of the model, such as `embedded:extractive` or `openai:gpt-5-mini`. */
  readonly model: string;
  /** US dollars per million tokens, where the app states them. */
  readonly price: ModelPrice | undefined;
  /** Full-text search over the app's documents. */
  readonly corpus: Corpus;
}

export interface ModelPrice {
  readonly inputPerMillion: number;
  readonly outputPerMillion: number;
}

/** A function that a model may ask for. Made by {@link defineTool}. */
export interface Tool<I extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly description: string;
  readonly input: I;
  run(input: z.output<I>, context: { readonly signal: AbortSignal; readonly corpus: Corpus }): unknown;
}

/** Defines a tool. Its input is checked before `run`; what `run` throws is an answer to the model, not a failure. */
export function defineTool<I extends z.ZodType>(tool: Tool<I>): Tool<I> {
  return Object.freeze(tool);
}

/** A part of a document that matches a query. */
export interface Passage {
  readonly title: string;
  /** The document's path inside the corpus, with '/'. */
  readonly path: string;
  /** Larger is better; comparable within one search only. */
  readonly score: number;
  /** Characters from the document's beginning: `start` included, `end` not. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Corpus {
  search(query: string, topK: number): Promise<readonly Passage[]> | readonly Passage[];
  /** A part of a document, or undefined where there is none of that path. */
  read(path: string, start: number, length: number): Promise<DocumentPart | undefined> | DocumentPart | undefined;
}

export interface DocumentPart {
  readonly title: string;
  readonly path: string;
  readonly start: number;
  /** The document's length in characters. */
  readonly length: number;
  readonly text: string;
}
