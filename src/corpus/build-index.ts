import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CorpusError } from "./corpus-error.ts";
import { DOCUMENT_KINDS, type DocumentFile, fingerprint, listDocuments } from "./list-documents.ts";
import { splitDocument } from "./split-document.ts";

/** Marks a SQLite file as an index of ours ("SluX"), in the header's application id. */
export const INDEX_APPLICATION_ID = 0x536c7558;
/** Changes when an index that older code built would be misread, or would find other passages. */
export const INDEX_VERSION = 1;

export interface IndexSummary {
  readonly documents: number;
  readonly passages: number;
  /** Of the documents that were listed, see {@link fingerprint}; of a portable index, of their texts. */
  readonly fingerprint: string;
}

export interface BuildOptions {
  /** Takes only documents whose file name matches. @default every .md, .mdx, .txt and .rst file */
  readonly match?: RegExp | undefined;
  /** Identical documents make identical bytes, wherever and whenever: for a file that is sent elsewhere. @default false */
  readonly portable?: boolean;
}

/**
 * Builds the index of the documents under `dir` into `file`, in one piece: the file is either the old one or the
 * whole new one, also after a crash and for readers that have it open.
 *
 * Throws {@link CorpusError} when `dir` cannot be read or has no documents, and when `file` cannot be written.
 */
export function buildIndex(dir: string, file: string, options: BuildOptions = {}): IndexSummary {
  return writeIndexFile(dir, listDocuments(dir, options.match), file, options.portable);
}

/** {@link buildIndex} for documents that are listed already. */
export function writeIndexFile(
  dir: string,
  documents: readonly DocumentFile[],
  file: string,
  portable = false,
): IndexSummary {
  const draft = `${file}.${randomUUID()}.tmp`;
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true });
    db = new DatabaseSync(draft);
    // A draft that a crash leaves behind is never read: it needs no journal and no syncs of its own.
    db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    const summary = fillIndex(db, dir, documents, portable);
    db.close();
    renameSync(draft, file);
    return summary;
  } catch (error) {
    if (error instanceof CorpusError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CorpusError(`the index file ${JSON.stringify(file)} cannot be written: ${reason}`, { cause: error });
  } finally {
    if (db?.isOpen) db.close();
    rmSync(draft, { force: true });
  }
}

/** Writes the index of the documents into an empty database. Binary files are left out. */
export function fillIndex(
  db: DatabaseSync,
  dir: string,
  documents: readonly DocumentFile[],
  portable = false,
): IndexSummary {
  db.exec(SCHEMA);
  const addDocument = db.prepare("INSERT INTO documents (path, title, length) VALUES (?, ?, ?)");
  const addPassage = db.prepare("INSERT INTO passages (document, title, start, text) VALUES (?, ?, ?, ?)");
  const addTerms = db.prepare("INSERT INTO terms (rowid, title, path, text) VALUES (?, ?, ?, ?)");
  let taken = 0;
  let passages = 0;
  const content = createHash("sha256");
  db.exec("BEGIN");
  for (const { path } of documents) {
    const text = readText(join(dir, path));
    if (text === undefined) continue;
    content.update(`${JSON.stringify(path)} ${text.length}\n${text}`);
    const { title: documentTitle, chunks } = splitDocument(text, path, basename(path));
    const { lastInsertRowid: document } = addDocument.run(path, documentTitle, text.length);
    for (const { title, start, end } of chunks) {
      const part = text.slice(start, end);
      const { lastInsertRowid } = addPassage.run(document, title, start, part);
      addTerms.run(lastInsertRowid, title, path, part);
    }
    taken += 1;
    passages += chunks.length;
  }
  if (passages === 0) {
    throw new CorpusError(
      `the corpus ${JSON.stringify(dir)} has no documents; it must hold at least one ${DOCUMENT_KINDS} file with text`,
    );
  }
  const summary = {
    documents: taken,
    passages,
    fingerprint: portable ? `content-${content.digest("hex")}` : fingerprint(documents),
  };
  const setMeta = db.prepare("INSERT INTO meta (name, value) VALUES (?, ?)");
  for (const [name, value] of Object.entries(summary)) setMeta.run(name, value);
  db.exec("INSERT INTO terms (terms) VALUES ('optimize'); COMMIT");
  return summary;
}

// Passages tile their documents, so a text is stored once: as what search returns, and joined as what read returns.
const SCHEMA = `
  PRAGMA application_id = ${INDEX_APPLICATION_ID};
  PRAGMA user_version = ${INDEX_VERSION};
  CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE documents (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL, length INTEGER NOT NULL) STRICT;
  CREATE TABLE passages (
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL, title TEXT NOT NULL, start INTEGER NOT NULL, text TEXT NOT NULL
  ) STRICT;
  CREATE INDEX passages_of_document ON passages (document, start);
  CREATE VIRTUAL TABLE terms USING fts5 (title, path, text, content = '', tokenize = 'porter unicode61 remove_diacritics 2');
`;

/** A document's text without its byte order mark; undefined for a binary file and for one that is gone by now. */
function readText(file: string): string | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return undefined;
  }
  return bytes.includes(0) ? undefined : new TextDecoder().decode(bytes);
}
