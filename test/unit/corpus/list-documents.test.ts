import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CorpusError } from "../../../src/corpus/corpus-error.ts";
import { fingerprint, listDocuments, MAX_DOCUMENT_BYTES } from "../../../src/corpus/list-documents.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "sluice-list-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function put(path: string, text = "text"): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}
const paths = (match?: RegExp) => listDocuments(dir, match).map(({ path }) => path);

describe("listDocuments", () => {
  it("takes Markdown, text and reStructuredText files, also in folders, in the order of their paths", () => {
    for (const path of ["b.md", "a/z.txt", "a/b/c.rst", "d.MDX", "e.js", "f.json", "g"]) put(path);
    expect(paths()).toEqual(["a/b/c.rst", "a/z.txt", "b.md", "d.MDX"]);
  });

  it("takes only files whose names match", () => {
    for (const path of ["README.md", "a/README.md", "a/CHANGES.md"]) put(path);
    expect(paths(/^README\.md$/)).toEqual(["README.md", "a/README.md"]);
  });

  it("leaves out node_modules, dot folders, dot files and files that are too large", () => {
    for (const path of ["a.md", "node_modules/x/README.md", "b/node_modules/c.md", ".git/d.md", ".e.md"]) put(path);
    put("large.md", "x".repeat(MAX_DOCUMENT_BYTES + 1));
    expect(paths()).toEqual(["a.md"]);
  });

  it("skips by what is below the folder, not by the way to it", () => {
    put("node_modules/pkg/README.md");
    put(".hidden/a.md");
    expect(listDocuments(join(dir, "node_modules/pkg"))).toHaveLength(1);
    expect(listDocuments(join(dir, ".hidden"))).toHaveLength(1);
  });

  it("follows links inside the folder once, and none in a circle or out of it", () => {
    put("a/one.md");
    put(".data/two.md");
    symlinkSync("..", join(dir, "a/up"));
    symlinkSync(dir, join(dir, "self"));
    symlinkSync(join(dir, ".data/two.md"), join(dir, "two.md"));
    symlinkSync(join(dir, "a/one.md"), join(dir, "also-one.md"));
    symlinkSync("/etc", join(dir, "etc"));
    symlinkSync("nowhere.md", join(dir, "broken.md"));
    expect(paths()).toEqual(["a/one.md", "two.md"]);
  });

  it.each([
    ["a folder that is not there", () => join(dir, "nowhere"), /there is no such folder/],
    ["a file", () => join(dir, "file.md"), /is a file/],
  ])("refuses %s and says what a corpus is", (_, path, message) => {
    put("file.md");
    expect(() => listDocuments(path())).toThrow(CorpusError);
    expect(() => listDocuments(path())).toThrow(message);
    expect(() => listDocuments(path())).toThrow(/A corpus is a readable folder that holds \.md/);
  });

  it.skipIf(process.getuid?.() === 0)("refuses a folder that may not be read", () => {
    chmodSync(dir, 0o000);
    try {
      expect(() => listDocuments(dir)).toThrow(/may not be read by this process/);
    } finally {
      chmodSync(dir, 0o700);
    }
  });
});

describe("fingerprint", () => {
  it("changes with a document's name, size and time, and with nothing else", () => {
    put("a.md", "one");
    utimesSync(join(dir, "a.md"), 1_000, 1_000);
    const before = fingerprint(listDocuments(dir));
    put("ignored.js");
    expect(fingerprint(listDocuments(dir))).toBe(before);
    utimesSync(join(dir, "a.md"), 1_000, 1_001);
    const later = fingerprint(listDocuments(dir));
    put("a.md", "longer");
    utimesSync(join(dir, "a.md"), 1_000, 1_001);
    const longer = fingerprint(listDocuments(dir));
    put("b.md");
    expect(new Set([before, later, longer, fingerprint(listDocuments(dir))]).size).toBe(4);
  });
});
