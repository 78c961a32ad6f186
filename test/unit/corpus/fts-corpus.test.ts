import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildIndex } from "../../../src/corpus/build-index.ts";
import { CorpusError } from "../../../src/corpus/corpus-error.ts";
import { defaultCorpus } from "../../../src/corpus/default-corpus.ts";
import { type FtsCorpus, openCorpus, openIndex } from "../../../src/corpus/fts-corpus.ts";
import { ftsQuery } from "../../../src/corpus/fts-query.ts";

let root: string;
let dir: string;
let indexFile: string;
const opened: FtsCorpus[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-corpus-"));
  dir = join(root, "docs");
  indexFile = join(root, "data", "corpus.index");
  put(
    "queues.md",
    "# Queues\n\n## Visibility\n\nA message is hidden for thirty seconds.\n\n## Purging\n\nPurging removes all messages.\n",
  );
  put("topics/fanout.md", "# Topics\n\nA topic copies each message to every queue.\n");
});
afterEach(() => {
  for (const corpus of opened.splice(0)) corpus.close();
  rmSync(root, { recursive: true, force: true });
});

function put(path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), content);
}
function open(options: { indexFile?: string; match?: RegExp } = {}): FtsCorpus {
  const corpus = openCorpus({ dir, ...options });
  opened.push(corpus);
  return corpus;
}

describe("search", () => {
  it("puts the passage that answers first, with its title, its path and its place in the document", () => {
    const [first, ...others] = open().search("How long is a message hidden?", 5);
    expect(first).toMatchObject({ title: "Queues › Visibility", path: "queues.md" });
    expect(readFileSync(join(dir, "queues.md"), "utf8").slice(first?.start, first?.end)).toBe(first?.text);
    expect(first?.text).toBe("# Queues\n\n## Visibility\n\nA message is hidden for thirty seconds.");
    for (const other of others) expect(other.score).toBeLessThanOrEqual(first?.score ?? 0);
  });

  it("finds other forms of a word, and words with other accents", () => {
    put("cafe.md", "Il y a un café ici.\n");
    expect(open().search("purge", 1)[0]?.title).toBe("Queues › Purging");
    expect(open().search("CAFE", 1)[0]?.path).toBe("cafe.md");
  });

  it("ranks a match in the title above one in the text", () => {
    put("a.md", `# Other\n\nThe text speaks of encryption once. ${"More words follow here. ".repeat(5)}\n`);
    put("b.md", `# Encryption\n\nThe text says nothing of it at all. ${"More words follow here. ".repeat(5)}\n`);
    expect(
      open()
        .search("encryption", 2)
        .map(({ path }) => path),
    ).toEqual(["b.md", "a.md"]);
  });

  it("shows the same wording once", () => {
    for (const name of ["a", "b", "c"]) put(`${name}.md`, "This module is part of the zebra project.\n");
    put("z.md", "Another zebra.\n");
    expect(
      open()
        .search("zebra project", 5)
        .map(({ path }) => path),
    ).toEqual(["a.md", "z.md"]);
  });

  it("leaves out the white space around a passage, and says where the rest is", () => {
    put("spaced.md", "\n\n  A walrus swims.\n\n");
    expect(open().search("walrus", 1)).toMatchObject([{ text: "A walrus swims.", start: 4, end: 19 }]);
  });

  it("returns at most topK passages", () => {
    expect(open().search("message", 2)).toHaveLength(2);
    expect(open().search("message", 0)).toEqual([]);
  });

  it("takes any text as a query and never fails on it", () => {
    const corpus = open();
    const word = fc.constantFrom(
      '"',
      "AND",
      "OR",
      "NOT",
      "NEAR(",
      "*",
      "^",
      "title:",
      "(",
      ")",
      "{",
      "-",
      "\0",
      "message",
      "it's",
      "𝕏",
      "é",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(word).map((parts) => parts.join(" ")),
        ),
        (query) => {
          for (const passage of corpus.search(query, 3)) expect(passage.score).toBeGreaterThan(0);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("treats operators as words of the question", () => {
    expect(ftsQuery('What is NOT "hidden" OR NEAR(this)?')).toBe('"hidden" OR "near"');
    expect(ftsQuery("what is it")).toBe('"what" OR "is" OR "it"');
    expect(ftsQuery("?! --")).toBeUndefined();
  });
});

describe("read", () => {
  it("reads any part of a document exactly", () => {
    const text = `# T\n\n${"Sentence with an emoji 😀 in it. ".repeat(300)}`;
    put("long.md", text);
    const corpus = open();
    fc.assert(
      fc.property(fc.nat(text.length + 10), fc.nat(3_000), (start, length) => {
        const part = corpus.read("long.md", start, length);
        expect(part).toMatchObject({
          path: "long.md",
          title: "T",
          length: text.length,
          start: Math.min(start, text.length),
        });
        expect(part?.text).toBe(text.slice(start, start + length));
      }),
    );
  });

  it.each(["../secret.md", "/etc/passwd", "topics/../queues.md", "queues.md\0", "", "QUEUES.md"])(
    "knows no document %j",
    (path) => {
      writeFileSync(join(root, "secret.md"), "secret");
      expect(open().read(path, 0, 10)).toBeUndefined();
    },
  );
});

describe("openCorpus", () => {
  it("reads files as they are: binary ones not at all, a byte order mark not as text, CRLF kept", () => {
    put("binary.md", Buffer.from([0x23, 0x20, 0, 1, 2]));
    put("windows.md", "\ufeff# Windows\r\n\r\nLines end twice.\r\n");
    const corpus = open();
    expect(corpus.read("binary.md", 0, 10)).toBeUndefined();
    expect(corpus.read("windows.md", 0, 100)?.text).toBe("# Windows\r\n\r\nLines end twice.\r\n");
    expect(corpus.search("lines twice", 1)[0]?.title).toBe("Windows");
    expect(corpus.summary.documents).toBe(3);
  });

  it("keeps an index that fits the documents and builds a new one when they change", () => {
    open({ indexFile });
    const built = statSync(indexFile).ino;
    open({ indexFile });
    expect(statSync(indexFile).ino).toBe(built);
    put("new.md", "A walrus.\n");
    expect(open({ indexFile }).search("walrus", 1)).toHaveLength(1);
    expect(statSync(indexFile).ino).not.toBe(built);
  });

  it("builds a damaged index anew", () => {
    open({ indexFile });
    writeFileSync(indexFile, readFileSync(indexFile).subarray(0, 5_000));
    expect(open({ indexFile }).search("hidden", 1)).toHaveLength(1);
  });

  it("leaves a file alone that is no index", () => {
    mkdirSync(dirname(indexFile));
    writeFileSync(indexFile, "precious");
    expect(() => open({ indexFile })).toThrow(/is not a search index, so it is left alone/);
    expect(readFileSync(indexFile, "utf8")).toBe("precious");
  });

  it("refuses a folder without documents, and leaves nothing behind", () => {
    rmSync(dir, { recursive: true });
    mkdirSync(dir);
    writeFileSync(join(dir, "a.js"), "");
    expect(() => open({ indexFile })).toThrow(CorpusError);
    expect(() => open({ indexFile })).toThrow(/has no documents; it must hold at least one \.md/);
    expect(readdirSync(dirname(indexFile))).toEqual([]);
  });

  it("says so when the index cannot be written", () => {
    writeFileSync(join(root, "data"), "a file where a folder is needed");
    expect(() => open({ indexFile })).toThrow(CorpusError);
  });

  it("opens the READMEs that every install has", () => {
    const corpus = openCorpus(defaultCorpus());
    opened.push(corpus);
    expect(corpus.summary.documents).toBeGreaterThan(300);
    expect(corpus.search("dead-letter queue for SQS", 3).map(({ path }) => path)).toContain("aws-sqs/README.md");
    for (const { path } of corpus.search("module", 50)) expect(path).toMatch(/(^|\/)README\.md$/);
  });
});

describe("openIndex", () => {
  it("answers without the documents, and while the file is replaced", () => {
    buildIndex(dir, indexFile);
    rmSync(dir, { recursive: true });
    const corpus = openIndex(indexFile);
    opened.push(corpus);
    rmSync(indexFile);
    expect(corpus.search("hidden", 1)).toHaveLength(1);
    expect(corpus.read("queues.md", 0, 8)?.text).toBe("# Queues");
  });

  it("needs no lock, as on a file system that is read-only", () => {
    buildIndex(dir, indexFile);
    const other = new DatabaseSync(indexFile);
    other.exec("BEGIN EXCLUSIVE");
    const corpus = openIndex(indexFile);
    opened.push(corpus);
    expect(corpus.search("hidden", 1)).toHaveLength(1);
    other.close();
  });

  it("leaves no other files beside the index", () => {
    buildIndex(dir, indexFile);
    opened.push(openIndex(indexFile));
    expect(readdirSync(dirname(indexFile))).toEqual(["corpus.index"]);
  });

  it.each(["nowhere.index", "later.index"])("refuses %s and says how an index is made", (name) => {
    buildIndex(dir, indexFile);
    const later = join(root, "later.index");
    copyFileSync(indexFile, later);
    const bytes = readFileSync(later);
    // The user version of the header: sqlite.org/fileformat.html
    bytes.writeUInt32BE(99, 60);
    writeFileSync(later, bytes);
    expect(() => openIndex(join(root, name))).toThrow(/is not an index of version 1; build it with buildIndex/);
  });
});
