import { STOP_WORDS, words } from "./words.ts";

const MAX_TERMS = 64;

/**
 * Turns what a person typed into an FTS5 query: each word quoted, joined by OR, so that no input is a syntax error
 * or an operator. Stop words are dropped unless nothing else is left. Undefined when the text holds no word.
 *
 * @example
 * ftsQuery('What is a "dead-letter" queue?') // '"dead" OR "letter" OR "queue"'
 */
export function ftsQuery(text: string): string | undefined {
  const all = [...new Set(words(text))];
  const telling = all.filter((word) => !STOP_WORDS.has(word));
  const terms = (telling.length > 0 ? telling : all).slice(0, MAX_TERMS);
  return terms.length === 0 ? undefined : terms.map((term) => `"${term}"`).join(" OR ");
}
