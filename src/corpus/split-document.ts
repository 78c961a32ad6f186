import { type Heading, headingsOf } from "./headings.ts";

/** A part of a document. The chunks of a document follow each other without gaps or overlaps from 0 to its end. */
export interface Chunk {
  /** The document's title and the headings above the chunk, joined by ' › '. */
  readonly title: string;
  readonly start: number;
  readonly end: number;
}

const MAX_CHARS = 1_200;
/** Where a subject has to be cut: of the places between these two, the last good one. */
const LEAST_CHARS = 500;
const PARAGRAPH_END = /\r?\n[ \t]*\r?\n/g;
const FENCE = /^[ \t]*(?:```|~~~)/gm;
const MAX_TITLE_CHARS = 200;

/**
 * Splits a document where it changes its subject: at its headings. What is longer than {@link MAX_CHARS} under one
 * heading is cut between paragraphs, where there is one in the right place outside of a code block, else between
 * lines, sentences or words. `fallbackTitle` names a document that has no heading of its own.
 */
export function splitDocument(text: string, path: string, fallbackTitle: string): { title: string; chunks: Chunk[] } {
  const headings = headingsOf(text, path);
  const title = headings[0]?.text ?? fallbackTitle;
  const chunks: Chunk[] = [];
  const open: Heading[] = [];
  let start = 0;
  const cut = (end: number): void => {
    for (const [from, to] of pieces(text, start, end))
      chunks.push({ title: titleOf(title, open), start: from, end: to });
    start = end;
  };
  for (const heading of headings) {
    // A heading directly under another stays with it: a chunk of headings alone answers nothing.
    const previous = open.at(-1);
    if (text.slice(previous ? Math.max(previous.end, start) : start, heading.start).trim() !== "") cut(heading.start);
    while (open.length > 0 && (open.at(-1)?.level ?? 0) >= heading.level) open.pop();
    open.push(heading);
  }
  if (start < text.length) cut(text.length);
  return { title, chunks };
}

function titleOf(document: string, open: readonly Heading[]): string {
  const path = open.map(({ text }) => text);
  const title = (path[0] === document ? path : [document, ...path]).join(" › ");
  return title.length > MAX_TITLE_CHARS ? `${title.slice(0, MAX_TITLE_CHARS - 1)}…` : title;
}

/** Ranges that cover `start` to `end`, each at most {@link MAX_CHARS} long. */
function* pieces(text: string, start: number, end: number): Generator<[number, number]> {
  let from = start;
  let fenced = false;
  while (end - from > MAX_CHARS) {
    const to = from + breakPoint(text.slice(from, from + MAX_CHARS), fenced);
    yield [from, to];
    fenced = fencedAfter(text.slice(from, to), fenced);
    from = to;
  }
  if (from < end) yield [from, end];
}

/**
 * The best place to cut a text, not too near to its beginning: between paragraphs or before a code block; else after
 * a line, a sentence or a word. `fenced`: the text begins inside of a code block.
 */
function breakPoint(window: string, fenced: boolean): number {
  const paragraphs = [...window.matchAll(PARAGRAPH_END)].map(({ index, 0: mark }) => index + mark.length);
  const between = paragraphs.findLast((at) => at >= LEAST_CHARS && !fencedAfter(window.slice(0, at), fenced));
  if (between !== undefined) return between;
  for (const mark of ["\n", ". ", " "]) {
    const at = window.lastIndexOf(mark);
    if (at >= LEAST_CHARS) return at + mark.length;
  }
  // No character of two code units may be cut in half: the halves would not survive being stored.
  const last = window.charCodeAt(window.length - 1);
  return window.length - (last >= 0xd800 && last <= 0xdbff ? 1 : 0);
}

/** Whether a code block is open at the end of a text. */
const fencedAfter = (text: string, before: boolean): boolean => ((text.match(FENCE)?.length ?? 0) % 2 === 1) !== before;
