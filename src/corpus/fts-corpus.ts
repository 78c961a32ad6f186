import { closeSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import type { Corpus, DocumentPart, Passage } from "../core/resources.ts";
import type { BuildOptions, IndexSummary } from "./build-index.ts";
import { fillIndex, INDEX_APPLICATION_ID, INDEX_VERSION, writeIndexFile } from "./build-index.ts";
import { CorpusError } from "./corpus-error.ts";
import { ftsQuery } from "./fts-query.ts";
import { fingerprint, listDocuments } from "./list-documents.ts";

export interface CorpusOptions extends BuildOptions {
  /** A folder of documents. */
  readonly dir: string;
  /** Where the index is kept from one start to the next; `:memory:` keeps none. @default ":memory:" */
  readonly indexFile?: string | undefined;
}

/**
 * Opens full-text search over a folder. An index file that fits the documents as they are now (their paths, sizes
 * and times of change) is taken as it is; otherwise it is built anew.
 *
 * Throws {@link CorpusError} for a folder that cannot be read or has no documents, and for an index file that is
 * something else.
 *
 * @example
 * const corpus = openCorpus({ dir: "docs", indexFile: ".sluice/corpus.index" });
 * const passages = corpus.search("how are messages redriven?", 6);
 */
export function openCorpus({ dir, indexFile = ":memory:", match }: CorpusOptions): FtsCorpus {
  const documents = listDocuments(dir, match);
  if (indexFile === ":memory:") {
    const db = new DatabaseSync(":memory:");
    fillIndex(db, dir, documents);
    return new FtsCorpus(db);
  }
  const existing = stateOf(indexFile) === "index" ? tryIndex(indexFile) : undefined;
  if (existing?.summary.fingerprint === fingerprint(documents)) return existing;
  existing?.close();
  writeIndexFile(dir, documents, indexFile);
  return openIndex(indexFile);
}

/**
 * Opens an index that `buildIndex` made, without its documents: what a Lambda function does with the file in its
 * bundle. The file is never written to and must not change while it is open, but may be replaced.
 *
 * Throws {@link CorpusError} when the file is not an index of this version.
 */
export function openIndex(file: string): FtsCorpus {
  if (stateOf(file) === "index") {
    const corpus = tryIndex(file);
    if (corpus) return corpus;
  }
  throw new CorpusError(
    `${JSON.stringify(file)} is not an index of version ${INDEX_VERSION}; build it with buildIndex(dir, file)`,
  );
}

function tryIndex(file: string): FtsCorpus | undefined {
  const url = pathToFileURL(resolve(file));
  // No locks and no change checks: works on a read-only file system.
  url.searchParams.set("immutable", "1");
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(url, { readOnly: true });
    const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version === INDEX_VERSION) return new FtsCorpus(db);
  } catch {
    // A damaged index is no index: its documents still exist.
  }
  db?.close();
  return undefined;
}

/** Tells an index of ours from nothing, and from a file of somebody else's, which must not be overwritten. */
function stateOf(file: string): "index" | "none" {
  const header = Buffer.alloc(72);
  let bytes = 0;
  try {
    const fd = openSync(file, "r");
    bytes = readSync(fd, header, 0, header.length, 0);
    closeSync(fd);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "none";
    throw new CorpusError(`the index file ${JSON.stringify(file)} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (bytes === 0) return "none";
  // sqlite.org/fileformat.html#the_database_header
  if (header.toString("latin1", 0, 15) === "SQLite format 3" && header.readUInt32BE(68) === INDEX_APPLICATION_ID)
    return "index";
  throw new CorpusError(
    `${JSON.stringify(file)} exists and is not a search index, so it is left alone; name another index file or remove it`,
  );
}

/** A search over the passages of an index. Score: BM25 with a match in the title at four times that in the text. */
export class FtsCorpus implements Corpus {
  readonly summary: IndexSummary;
  readonly #db: DatabaseSync;
  readonly #search: StatementSync;
  readonly #document: StatementSync;
  readonly #parts: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    const meta = db.prepare("SELECT name, value FROM meta").all() as { name: keyof IndexSummary; value: never }[];
    this.summary = Object.fromEntries(meta.map(({ name, value }) => [name, value])) as unknown as IndexSummary;
    this.#search = db.prepare(`
      SELECT passages.title, path, start, text, score
      FROM (SELECT rowid AS id, -bm25(terms, 4.0, 2.0, 1.0) AS score FROM terms WHERE terms MATCH ? ORDER BY score DESC LIMIT ?) AS hits
      JOIN passages USING (id) JOIN documents ON documents.id = passages.document
      ORDER BY score DESC, passages.id`);
    this.#document = db.prepare("SELECT id, title, length FROM documents WHERE path = ?");
    this.#parts = db.prepare(`
      SELECT start, text FROM passages
      WHERE document = :document AND start < :to
        AND start >= (SELECT max(start) FROM passages WHERE document = :document AND start <= :from)
      ORDER BY start`);
  }

  /** The best passages, best first, at most one of each wording. None when the query has no word in the corpus. */
  search(query: string, topK: number): Passage[] {
    const match = ftsQuery(query);
    if (match === undefined || topK < 1) return [];
    const found = new Map<string, Passage>();
    // Some of what is found may be the same boilerplate again.
    for (const row of this.#search.all(match, topK * 3) as unknown as Row[]) {
      const text = row.text.trim();
      if (found.has(text)) continue;
      const start = row.start + row.text.length - row.text.trimStart().length;
      found.set(text, { title: row.title, path: row.path, score: row.score, start, end: start + text.length, text });
      if (found.size === topK) break;
    }
    return [...found.values()];
  }

  /** Reads from the index, never from the file system: a path that was not indexed is undefined. */
  read(path: string, start: number, length: number): DocumentPart | undefined {
    const document = this.#document.get(path) as { id: number; title: string; length: number } | undefined;
    if (document === undefined) return undefined;
    const from = Math.min(Math.max(0, Math.trunc(start)), document.length);
    const to = Math.min(from + Math.max(0, Math.trunc(length)), document.length);
    const parts = this.#parts.all({ document: document.id, from, to }) as unknown as Pick<Row, "start" | "text">[];
    const text = parts
      .map((part) => part.text.slice(Math.max(0, from - part.start), Math.max(0, to - part.start)))
      .join("");
    return { title: document.title, path, start: from, length: document.length, text };
  }

  close(): void {
    this.#db.close();
  }
}

interface Row {
  readonly title: string;
  readonly path: string;
  readonly start: number;
  readonly text: string;
  readonly score: number;
}
