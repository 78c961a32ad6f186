import { type Heading, headingsOf } from "./headings.ts";

/** A part of a document. The chunks of a document follow each other without gaps or overlaps from 0 to its end. */
export interface Chunk {
  /** The document's title and the headings above the chunk, joined by ' › '. */
  readonly title: string;
  readonly start: number;
  readonly end: number;
}

const TARGET_CHARS = 1_000;
const MAX_CHARS = 1_200;
const MAX_TITLE_CHARS = 200;

/**
 * Splits a document where it changes its subject: at headings, then between paragraphs once a chunk has
 * {@link TARGET_CHARS} characters. A paragraph or code block over {@link MAX_CHARS} is cut between lines, a longer
 * line between words. `fallbackTitle` names a document that has no heading of its own.
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
  while (end - from > MAX_CHARS) {
    const to = breakPoint(text, from);
    yield [from, to];
    from = to;
  }
  if (from < end) yield [from, end];
}

/** The best place to cut between half of the target and the most: after a blank line, a line, a sentence, a word. */
function breakPoint(text: string, from: number): number {
  const window = text.slice(from, from + MAX_CHARS);
  const least = TARGET_CHARS / 2;
  for (const mark of ["\n\n", "\r\n\r\n", "\n", ". ", " "]) {
    const within = window.lastIndexOf(mark);
    if (within >= least && outsideFence(window, within, mark)) return from + within + mark.length;
  }
  // No character of two code units may be cut in half: the halves would not survive being stored.
  const last = window.charCodeAt(MAX_CHARS - 1);
  return from + MAX_CHARS - (last >= 0xd800 && last <= 0xdbff ? 1 : 0);
}

/** A blank line inside of a code block is no end of a paragraph. */
const outsideFence = (window: string, at: number, mark: string): boolean =>
  !mark.endsWith("\n\n") || (window.slice(0, at).match(/^\s*(```|~~~)/gm)?.length ?? 0) % 2 === 0;
