import { createHash } from "node:crypto";
import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { join, sep } from "node:path";
import { CorpusError } from "./corpus-error.ts";

/** Larger files are not taken: they are data, not prose. */
export const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;
const DOCUMENT = /\.(md|mdx|txt|rst)$/i;
/** What {@link listDocuments} takes, for messages to people. */
export const DOCUMENT_KINDS = ".md, .mdx, .txt and .rst";

/** A file that the corpus takes. */
export interface DocumentFile {
  /** Relative to the corpus, with '/'. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/**
 * The documents under `dir` in the order of their paths, whose names match `match`. Left out below `dir`:
 * `node_modules`, what begins with a dot, files over {@link MAX_DOCUMENT_BYTES}, what may not be read, and symbolic
 * links that lead out of `dir` or to what is already listed, so that links cannot loop.
 *
 * Throws {@link CorpusError} when `dir` is not a folder that can be read.
 */
export function listDocuments(dir: string, match: RegExp = DOCUMENT): DocumentFile[] {
  const root = readable(dir);
  const inside = root.endsWith(sep) ? root : root + sep;
  const seen = new Set<string>([root]);
  const found: DocumentFile[] = [];

  const visit = (folder: string, path: string): void => {
    for (const entry of entriesOf(folder)) {
      if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
      const isDocument = DOCUMENT.test(entry.name) && match.test(entry.name);
      if (!(isDocument || entry.isDirectory() || entry.isSymbolicLink())) continue;
      const real = entry.isSymbolicLink() ? targetOf(join(folder, entry.name)) : join(folder, entry.name);
      if (real === undefined || !real.startsWith(inside) || seen.has(real)) continue;
      const childPath = path === "" ? entry.name : `${path}/${entry.name}`;
      const stats = statOf(real);
      if (stats?.isDirectory()) {
        seen.add(real);
        visit(real, childPath);
      } else if (isDocument && stats?.isFile() && stats.size <= MAX_DOCUMENT_BYTES) {
        seen.add(real);
        found.push({ path: childPath, bytes: stats.size, modifiedMs: Math.trunc(stats.mtimeMs) });
      }
    }
  };
  visit(root, "");
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Changes when a document is added, removed, renamed or written to. */
export function fingerprint(documents: readonly DocumentFile[]): string {
  const hash = createHash("sha256");
  for (const { path, bytes, modifiedMs } of documents) hash.update(`${JSON.stringify(path)} ${bytes} ${modifiedMs}\n`);
  return hash.digest("hex");
}

function readable(dir: string): string {
  try {
    const real = realpathSync(dir);
    if (statSync(real).isDirectory()) {
      readdirSync(real);
      return real;
    }
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    const reason = { ENOENT: "there is no such folder", EACCES: "it may not be read by this process" }[code] ?? code;
    throw new CorpusError(`the corpus ${JSON.stringify(dir)} cannot be opened: ${reason}. ${ALLOWED}`, {
      cause: error,
    });
  }
  throw new CorpusError(`the corpus ${JSON.stringify(dir)} is a file. ${ALLOWED}`);
}

const ALLOWED = `A corpus is a readable folder that holds ${DOCUMENT_KINDS} files`;

/** A folder that disappears or is closed to us while the tree is read is one without entries. */
function entriesOf(dir: string): Dirent[] {
  try {
    const entries = readdirSync(dir, { withFileTypes: true });
    // Files before links, so that a document is listed under its own name rather than under a link's.
    return entries.sort(
      (a, b) => Number(a.isSymbolicLink()) - Number(b.isSymbolicLink()) || (a.name < b.name ? -1 : 1),
    );
  } catch {
    return [];
  }
}

const targetOf = (link: string): string | undefined => attempt(() => realpathSync(link));
const statOf = (file: string): Stats | undefined => attempt(() => statSync(file));

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
