/** A heading with its place in the document: `start` included, `end` not. */
export interface Heading {
  readonly text: string;
  /** 1 is the highest. */
  readonly level: number;
  readonly start: number;
  readonly end: number;
}

const ATX = /^ {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/;
const FENCE = /^\s*(`{3,}|~{3,})/;
const MARKDOWN_UNDERLINE = /^ {0,3}(=+|-{2,})[ \t]*$/;
const RST_UNDERLINE = /^([=\-~^"'`#*+:._])\1{2,}[ \t]*$/;

/**
 * The headings of a document in order: `#` and underlined ones in Markdown, underlined ones in reStructuredText
 * (whose levels are in the order of their first use), none in plain text. Code blocks are skipped; a Markdown
 * front matter's `title` counts as the first heading.
 */
export function headingsOf(text: string, path: string): Heading[] {
  if (/\.txt$/i.test(path)) return [];
  const rst = /\.rst$/i.test(path);
  const headings: Heading[] = [];
  const rstLevels: string[] = [];
  const lines = linesOf(text);
  let index = 0;
  if (!rst && lines[0]?.text === "---") {
    const close = lines.findIndex((line, at) => at > 0 && line.text === "---");
    if (close > 0) {
      const title = lines.slice(1, close).find((line) => line.text.startsWith("title:"));
      if (title) headings.push({ ...title, text: unquote(title.text.slice(6).trim()), level: 1 });
      index = close + 1;
    }
  }
  let fence: string | undefined;
  for (; index < lines.length; index += 1) {
    const line = lines[index];
    if (line === undefined) break;
    const mark = rst ? undefined : FENCE.exec(line.text)?.[1];
    if (mark !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark.startsWith(fence)) fence = undefined;
      continue;
    }
    if (fence !== undefined) continue;
    const atx = rst ? null : ATX.exec(line.text);
    if (atx?.[1] && atx[2]) {
      headings.push({ ...line, text: plain(atx[2]), level: atx[1].length });
      continue;
    }
    const above = lines[index - 1];
    const underline = (rst ? RST_UNDERLINE : MARKDOWN_UNDERLINE).exec(line.text)?.[1];
    if (underline === undefined || above === undefined || !isTitle(above.text, lines[index - 2]?.text, rst)) continue;
    if (rst && line.text.trim().length < above.text.trim().length) continue;
    if (rst && !rstLevels.includes(underline)) rstLevels.push(underline);
    const level = rst ? rstLevels.indexOf(underline) + 1 : underline.startsWith("=") ? 1 : 2;
    headings.push({ text: plain(above.text), level, start: above.start, end: line.end });
  }
  return headings;
}

interface Line {
  readonly text: string;
  readonly start: number;
  /** Behind the line's end mark. */
  readonly end: number;
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline + 1;
    lines.push({ text: text.slice(start, end).replace(/\r?\n$/, ""), start, end });
    start = end;
  }
  return lines;
}

/** Whether a line can be the text of an underlined heading: one line of words, under a blank one (or an overline). */
function isTitle(line: string, above: string | undefined, rst: boolean): boolean {
  if (!/[\p{L}\p{N}]/u.test(line) || /^\s*([|>*+-]|\d+\.)\s/.test(line) || /^\s{4}/.test(line)) return false;
  return above === undefined || above.trim() === "" || (rst && RST_UNDERLINE.test(above));
}

const plain = (heading: string): string =>
  heading
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[`*]|<[^>]+>/g, "")
    .trim();
const unquote = (text: string): string => text.replace(/^(["'])(.*)\1$/, "$2");
