import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DataError } from "./errors.ts";

/** How hard a commit is pressed onto the disk (sqlite.org/pragma.html#pragma_synchronous). FULL: it survives a power cut. */
export type Synchronous = "FULL" | "NORMAL";

export interface DatabaseOptions {
  /** The folder that holds everything; undefined: in memory, gone with the process. */
  readonly dataDir: string | undefined;
  /** @default "FULL" */
  readonly synchronous?: Synchronous;
}

/** Grows with every change that older code cannot read. */
export const DATA_VERSION = 1;
/** Marks the file as ours: "slce" (sqlite.org/pragma.html#pragma_application_id). */
const APPLICATION_ID = 0x736c6365;
export const DATABASE_FILE = "sluice.db";

const SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE commits (
  job_id TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, tenant TEXT NOT NULL,
  commit_id TEXT NOT NULL, deploy_seq INTEGER NOT NULL, time TEXT NOT NULL, body TEXT NOT NULL,
  UNIQUE (job_id, first_seq)
) STRICT;
CREATE TABLE jobs (
  created_at TEXT NOT NULL, job_id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, workflow TEXT NOT NULL,
  status TEXT NOT NULL, wake_at INTEGER, expires INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_by_tenant ON jobs (tenant, created_at, job_id);
CREATE INDEX jobs_to_wake ON jobs (wake_at) WHERE wake_at IS NOT NULL;
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, tenant TEXT NOT NULL, visible_at INTEGER NOT NULL,
  receive_count INTEGER NOT NULL, enqueued_at INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY, queue TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, seq INTEGER, body TEXT NOT NULL
) STRICT;
CREATE INDEX dead_letters_by_queue ON dead_letters (queue, id);
`;

/** Tables that came later. What knows nothing of them is not disturbed by them, so the data's version stays. */
const ADDED = `
CREATE TABLE IF NOT EXISTS records (
  owner TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, record TEXT NOT NULL, expires INTEGER,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS burned_tickets (id TEXT PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS burned_tickets_by_expiry ON burned_tickets (expires);
`;

/** An open data file and the lock that keeps other processes off it. */
export interface OpenDatabase {
  readonly db: DatabaseSync;
  /** The file, or undefined in memory. */
  readonly file: string | undefined;
  close(): void;
}

/** Opens, and where needed creates, the data file. Throws {@link DataError}. */
export function openDatabase({ dataDir, synchronous = "FULL" }: DatabaseOptions): OpenDatabase {
  if (dataDir === undefined) {
    const db = new DatabaseSync(":memory:");
    db.exec(SCHEMA + ADDED);
    return { db, file: undefined, close: () => db.close() };
  }
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (error) {
    throw new DataError(`cannot use ${dataDir} as data directory: ${(error as Error).message}`, { cause: error });
  }
  const lock = lockDirectory(dataDir);
  const file = join(dataDir, DATABASE_FILE);
  try {
    const db = openFile(file, synchronous);
    return {
      db,
      file,
      close() {
        db.close();
        lock.close();
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

/** A lock that the operating system takes away with the process, however it ends. */
function lockDirectory(dataDir: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(dataDir, "sluice.lock"), { timeout: 0 });
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) {
      throw new DataError(`cannot lock ${dataDir}: ${(error as Error).message}`, { cause: error });
    }
    throw new DataError(
      `${dataDir} is in use by another Sluice process. Stop that one, or give this one another directory with --data`,
      { cause: error },
    );
  }
}

function openFile(file: string, synchronous: Synchronous): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  try {
    const version = pragma(db, "user_version");
    const application = pragma(db, "application_id");
    const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get() as { n: number };
    if (tables.n > 0 && application !== APPLICATION_ID) {
      throw new DataError(`${file} is a database, but not one of Sluice's. Give another directory with --data`);
    }
    if (tables.n > 0 && version !== DATA_VERSION) {
      throw new DataError(
        `${file} has data format ${version}; this version of Sluice reads format ${DATA_VERSION}. ` +
          "Use the version that wrote it, or give another directory with --data",
      );
    }
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA wal_autocheckpoint = 0;
      PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY`);
    if (tables.n === 0) {
      db.exec(
        `BEGIN IMMEDIATE; ${SCHEMA} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${DATA_VERSION}; COMMIT`,
      );
    }
    db.exec(ADDED);
    return db;
  } catch (error) {
    db.close();
    if (error instanceof DataError) throw error;
    throw new DataError(`cannot open ${file}: ${(error as Error).message}. It may be damaged or no database`, {
      cause: error,
    });
  }
}

function pragma(db: DatabaseSync, name: "user_version" | "application_id"): number {
  return Number((db.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[name]);
}
