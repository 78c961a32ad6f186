import { STOP_WORDS, words } from "../corpus/words.ts";
import { sentencesOf } from "./sentences.ts";

/** A sentence of a source that was chosen for an answer. */
export interface Quote<S> {
  readonly source: S;
  readonly sentence: string;
}

interface Candidate<S> extends Quote<S> {
  readonly terms: ReadonlySet<string>;
  readonly titleTerms: ReadonlySet<string>;
  readonly rank: number;
}

/** The part of the question's weight that the best sentence must have; less is taken for no answer. */
const MIN_COVERAGE = 0.3;
/** Of the best sentence's worth: what a further sentence must add. */
const MIN_GAIN = 0.25;
const TITLE_SHARE = 0.4;
/** How much a source is worth compared with the one before it: the search has ranked them. */
const RANK_DECAY = 0.93;

/**
 * Chooses the sentences that answer a question best, best first: those that share most of its words, each word
 * weighed by how rare it is among the sentences given (idf), words in the source's title counting in part. A second
 * sentence is worth only the words that the first ones lack, and a little for those that they share.
 *
 * None when no sentence shares enough of the question.
 */
export function selectSentences<S extends { readonly title: string; readonly text: string }>(
  question: string,
  sources: readonly S[],
  limit: number,
): Quote<S>[] {
  const asked = termsOf(question);
  const candidates = sources.flatMap((source, rank) =>
    [...new Set(sentencesOf(source.text))].map(
      (sentence): Candidate<S> => ({
        source,
        sentence,
        rank,
        terms: termsOf(sentence),
        titleTerms: termsOf(source.title),
      }),
    ),
  );
  const weights = idf(asked, candidates);
  const total = sum([...asked].map((term) => weights.get(term) ?? 0));
  const chosen: Candidate<S>[] = [];
  const covered = new Set<string>();
  let best = 0;
  while (chosen.length < limit) {
    let next: { candidate: Candidate<S>; worth: number } | undefined;
    for (const candidate of candidates) {
      if (chosen.some((other) => isRepeat(other, candidate))) continue;
      const worth = worthOf(candidate, weights, covered);
      if (next === undefined || worth > next.worth) next = { candidate, worth };
    }
    if (next === undefined || next.worth <= 0) break;
    if (chosen.length === 0 && coverage(next.candidate, weights) < total * MIN_COVERAGE) break;
    if (chosen.length > 0 && next.worth < best * MIN_GAIN) break;
    if (chosen.length === 0) best = next.worth;
    chosen.push(next.candidate);
    for (const term of next.candidate.terms) covered.add(term);
  }
  return chosen.map(({ source, sentence }) => ({ source, sentence }));
}

/** The words of a text that say what it is about, without their endings. */
export function termsOf(text: string): Set<string> {
  return new Set(
    words(text.replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2"))
      .filter((word) => !STOP_WORDS.has(word))
      .map(stem),
  );
}

/** Cuts common English endings: enough for "queues" to meet "queue" and "encrypted" to meet "encryption". */
export function stem(word: string): string {
  if (word.length < 5)
    return word.length === 4 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
  const cut = word.replace(/(?:ations?|ions?|ings?|ed|ies|es|s|ly|ment|e|y)$/, "");
  return cut.length >= 3 ? cut.replace(/([^aeiou])\1$/, "$1") : word;
}

function worthOf(
  candidate: Candidate<unknown>,
  weights: ReadonlyMap<string, number>,
  covered: ReadonlySet<string>,
): number {
  let worth = 0;
  for (const [term, weight] of weights) {
    const share = candidate.terms.has(term) ? 1 : candidate.titleTerms.has(term) ? TITLE_SHARE : 0;
    worth += weight * share * (covered.has(term) ? 0.35 : 1);
  }
  // Long sentences share words by chance.
  return (worth / (1 + Math.max(0, candidate.terms.size - 20) / 40)) * RANK_DECAY ** candidate.rank;
}

function coverage({ terms, titleTerms }: Candidate<unknown>, weights: ReadonlyMap<string, number>): number {
  return sum(
    [...weights].map(([term, weight]) => (terms.has(term) ? weight : titleTerms.has(term) ? weight * TITLE_SHARE : 0)),
  );
}

function idf(asked: ReadonlySet<string>, candidates: readonly Candidate<unknown>[]): Map<string, number> {
  return new Map(
    [...asked].map((term) => {
      const having = candidates.filter(({ terms }) => terms.has(term)).length;
      return [term, Math.log(1 + (candidates.length + 1) / (having + 1))];
    }),
  );
}

function isRepeat(a: Candidate<unknown>, b: Candidate<unknown>): boolean {
  if (a.sentence === b.sentence) return true;
  const shared = [...a.terms].filter((term) => b.terms.has(term)).length;
  return shared >= 0.8 * Math.min(a.terms.size, b.terms.size) && shared > 2;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
