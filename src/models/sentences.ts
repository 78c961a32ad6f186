const FENCE = /^\s*(?:`{3,}|~{3,})/;
/** Headings, tables, badges, HTML, rules, link definitions and import lines: structure, not statements. */
const STRUCTURE = /^\s*(?:#{1,6}\s|\||\[?!\[|<|[-=*_~^]{3,}\s*$|\[[^\]]+\]:\s|\.\. |import\s|export\s)/;
const BULLET = /^\s*(?:[-*+]|\d+[.)])\s+/;
const SENTENCE_END = /(?<=[.!?]["')\]`*]*)(?<!\b(?:e\.g|i\.e|etc|vs|cf|resp|approx)\.)\s+(?=["'([`*]*[\p{Lu}\d`])/u;
const MIN_WORDS = 4;
const MAX_CHARS = 500;

/**
 * The sentences of a Markdown text as they stand there, with runs of white space as one space. Code blocks,
 * headings, tables and badges are left out, and so are fragments: text that a passage begins or ends in the middle of.
 */
export function sentencesOf(markdown: string): string[] {
  return paragraphsOf(markdown)
    .flatMap((paragraph) => paragraph.split(SENTENCE_END))
    .map((sentence) => sentence.trim())
    .filter(isStatement);
}

function paragraphsOf(markdown: string): string[] {
  const paragraphs: string[] = [];
  let open: string[] = [];
  let fenced = false;
  const close = () => {
    if (open.length > 0) paragraphs.push(open.join(" ").replace(/\s+/g, " "));
    open = [];
  };
  for (const raw of markdown.split("\n")) {
    const line = raw.replace(/^\s*>\s?/, "");
    if (FENCE.test(line)) fenced = !fenced;
    if (FENCE.test(line) || fenced || line.trim() === "" || STRUCTURE.test(line)) {
      close();
      continue;
    }
    if (BULLET.test(line)) close();
    open.push(line.replace(BULLET, "").trim());
  }
  close();
  return paragraphs;
}

function isStatement(sentence: string): boolean {
  if (sentence.length > MAX_CHARS || sentence.split(" ").length < MIN_WORDS) return false;
  if (!/^["'(`*[]*[\p{Lu}\d`]/u.test(sentence)) return false;
  // What introduces a list or an example says nothing without it; code outside of a fence is no sentence either.
  if (/:$|[{};]$|=>|^\/\//.test(sentence)) return false;
  // A number in brackets would be read as one of our own citations.
  return !/\[\d+\]/.test(sentence);
}
