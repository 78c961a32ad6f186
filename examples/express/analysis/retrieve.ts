import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Passage {
  readonly path: string;
  readonly text: string;
}

const FOLDER = join(import.meta.dirname, "../documents");
const documents: readonly Passage[] = readdirSync(FOLDER)
  .sort()
  .map((path) => ({ path, text: readFileSync(join(FOLDER, path), "utf8").trim() }));

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[a-z]{4,}/g) ?? [];

/** The two documents that share most words with a question. */
export async function retrieve(question: string): Promise<Passage[]> {
  const asked = new Set(wordsOf(question));
  const score = ({ text }: Passage): number => wordsOf(text).filter((word) => asked.has(word)).length;
  return documents.toSorted((a, b) => score(b) - score(a)).slice(0, 2);
}
