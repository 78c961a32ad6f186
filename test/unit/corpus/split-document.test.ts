import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { headingsOf } from "../../../src/corpus/headings.ts";
import { splitDocument } from "../../../src/corpus/split-document.ts";

const split = (text: string, path = "a.md") => splitDocument(text, path, "a.md");
const titles = (text: string, path?: string) => split(text, path).chunks.map(({ title }) => title);

describe("splitDocument", () => {
  it("covers every document from beginning to end, without gaps, overlaps or halved characters", () => {
    const line = fc.oneof(
      fc.constantFrom("# A", "## B", "```", "===", "---", "", "\r", "- item", "😀".repeat(700)),
      fc.string({ unit: "grapheme", maxLength: 300 }),
      fc.string({ unit: "grapheme", minLength: 1_100, maxLength: 2_600 }),
    );
    const document = fc.array(line, { maxLength: 30 }).map((lines) => lines.join("\n"));
    fc.assert(
      fc.property(document, fc.constantFrom("a.md", "a.rst", "a.txt"), (text, path) => {
        const { chunks } = split(text, path);
        expect(chunks.map(({ start, end }) => text.slice(start, end)).join("")).toBe(text);
        for (const { start, end } of chunks) {
          expect(end - start).toBeGreaterThan(0);
          expect(end - start).toBeLessThanOrEqual(1_200);
          expect(text.slice(start, end).isWellFormed()).toBe(true);
        }
      }),
    );
  });

  it("begins a chunk at each heading that has text above it, and names the way to it", () => {
    const text = "# Guide\n\n## Setup\n\nInstall it.\n\n### Linux\n\nUse apt.\n\n## Use\n\nRun it.\n";
    expect(titles(text)).toEqual(["Guide › Setup", "Guide › Setup › Linux", "Guide › Use"]);
  });

  it("cuts a long section before a code block rather than at a blank line inside of it", () => {
    const code = `\`\`\`ts\n${"const a = 1;\n\n".repeat(60)}\`\`\``;
    const text = `# T\n\n${"Words of a paragraph. ".repeat(32)}\n\n${code}\n`;
    expect(split(text).chunks.map(({ start, end }) => text.slice(start, end).trim())).toContain(code);
  });

  it("cuts a code block that is too long between its lines, and goes on between paragraphs behind it", () => {
    const code = `\`\`\`ts\n${"const someName = anotherName();\n".repeat(50)}\`\`\``;
    const paragraph = `Begins here.\n${"Words of a line.\n".repeat(25)}`;
    const text = `${code}\n\n${Array(4).fill(paragraph).join("\n")}`;
    const parts = split(text).chunks.map(({ start, end }) => text.slice(start, end));
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts) expect(part).toMatch(/^(?:```ts|const someName|Begins here)/);
  });

  it("names a document without headings after its file", () => {
    expect(titles("Just text.", "notes.txt")).toEqual(["a.md"]);
  });
});

describe("headingsOf", () => {
  const texts = (text: string, path = "a.md") =>
    headingsOf(text, path).map(({ level, text: title }) => `${level} ${title}`);

  it("knows # and underlined headings in Markdown, without their markup", () => {
    expect(texts("Title\n=====\n\n## The `code` of [it](http://x) ##\n\nSub\n---\n")).toEqual([
      "1 Title",
      "2 The code of it",
      "2 Sub",
    ]);
  });

  it("is not misled by code blocks, tables, lists and rules", () => {
    expect(texts("```sh\n# comment\n```\n\n| a |\n---\n\n- item\n---\n\ntext\nmore\n---\n\n---\n#not\n")).toEqual([]);
  });

  it("takes the title from a front matter and nothing else of it", () => {
    expect(texts('---\ntitle: "My page"\ndraft: true\n---\n\n# H\n')).toEqual(["1 My page", "1 H"]);
  });

  it("orders the levels of reStructuredText by their first use", () => {
    expect(texts("=====\nTitle\n=====\n\nA\n-\n\nPart\n----\n\nDetail\n~~~~~~\n\nNext\n----\n", "a.rst")).toEqual([
      "1 Title",
      "2 Part",
      "3 Detail",
      "2 Next",
    ]);
  });

  it("finds none in plain text", () => {
    expect(texts("# not a heading\n", "a.txt")).toEqual([]);
  });
});
