import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { App } from "../../core/define-app.ts";
import type { Blobs, Clock, Limits, Tickets } from "../../core/ports.ts";
import { KeyedIds } from "../shared/keyed-ids.ts";
import { systemClock } from "../shared/system-clock.ts";
import { Checkpointer } from "./checkpointer.ts";
import { CommitFeed } from "./commit-feed.ts";
import { type DatabaseOptions, openDatabase } from "./database.ts";
import { FileBlobs, MemoryBlobs } from "./file-blobs.ts";
import { GroupCommit } from "./group-commit.ts";
import { MemoryLimits } from "./memory-limits.ts";
import { SqliteEventLog } from "./sqlite-event-log.ts";
import { SqliteJobIndex } from "./sqlite-job-index.ts";
import { SqliteRecords } from "./sqlite-records.ts";
import { SqliteTickets } from "./sqlite-tickets.ts";
import { type QueueEvents, SqliteWorkQueue } from "./sqlite-work-queue.ts";
import { TopicRouter } from "./topic-router.ts";

export interface EmbeddedEngineOptions extends DatabaseOptions, QueueEvents {
  readonly app: App;
  /** @default the machine's */
  readonly clock?: Clock;
}

/** All ports on one SQLite file that this process alone has open. */
export interface EmbeddedEngine {
  readonly log: SqliteEventLog;
  readonly index: SqliteJobIndex;
  readonly topics: TopicRouter;
  readonly queue: SqliteWorkQueue;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly ids: KeyedIds;
  /** Grows with each start: an edited app is a new deployment. */
  readonly deploySeq: number;
  /** Names this process in leases. */
  readonly holder: string;
  readonly atomicEffects: boolean;
  readonly progressFlushMs: number;
  readonly firstProgressMs: number;
  readonly limits: Limits;
  readonly records: SqliteRecords;
  readonly tickets: Tickets;
  readonly countsFreshMs: number;
  readonly changes: CommitFeed;
  readonly watchers: CommitFeed;
  coalesce(commit: () => void, expected: boolean): void;
  /** Every holder but this process: the lock on the data directory says that the others are dead. */
  isGone(holder: string): boolean;
  readonly group: GroupCommit;
  /** Writes what waits and lets go of the files. */
  close(): Promise<void>;
}

/** Opens the data directory, or an engine in memory. Throws `DataError` when it cannot be used. */
export function openEmbeddedEngine(options: EmbeddedEngineOptions): EmbeddedEngine {
  const { db, file, close } = openDatabase(options);
  const clock = options.clock ?? systemClock;
  const group = new GroupCommit(db);
  const secret = secretOf(db);
  const index = new SqliteJobIndex(db, group);
  const queue = new SqliteWorkQueue(db, group, clock, options);
  const topics = new TopicRouter(group, queue, options.app, clock);
  const feed = new CommitFeed(clock);
  const holder = `embedded-${randomUUID()}`;
  const checkpointer = file === undefined ? undefined : new Checkpointer(file, db, clock, options.onError);
  return {
    log: new SqliteEventLog(db, group, index, topics),
    index,
    topics,
    queue,
    blobs: options.dataDir === undefined ? new MemoryBlobs() : new FileBlobs(join(options.dataDir, "blobs")),
    clock,
    ids: new KeyedIds(secret, clock),
    deploySeq: nextDeploySeq(db),
    holder,
    atomicEffects: true,
    progressFlushMs: 200,
    firstProgressMs: 20,
    limits: new MemoryLimits(),
    records: new SqliteRecords(db, group),
    tickets: new SqliteTickets(db, group, clock, secret),
    countsFreshMs: 0,
    changes: feed,
    watchers: feed,
    // Calls that end in the same turn of the event loop: the parallel steps of a job often do.
    coalesce: (commit) => void setImmediate(commit),
    isGone: (other) => other !== holder,
    group,
    async close() {
      queue.close();
      await checkpointer?.close();
      group.flush();
      close();
    },
  };
}

/** Made once for each data directory: job ids of idempotency keys, and signatures of tickets, depend on it. */
function secretOf(db: DatabaseSync): string {
  db.prepare("INSERT INTO meta VALUES ('secret', ?) ON CONFLICT DO NOTHING").run(randomBytes(32).toString("base64url"));
  return (db.prepare("SELECT value FROM meta WHERE key = 'secret'").get() as { value: string }).value;
}

function nextDeploySeq(db: DatabaseSync): number {
  const row = db
    .prepare("INSERT INTO meta VALUES ('deploySeq', 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value")
    .get() as { value: number };
  return row.value;
}
