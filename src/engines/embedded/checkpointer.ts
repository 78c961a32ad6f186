import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import type { Clock } from "../../core/ports.ts";

/** Size of the write-ahead log at which it is copied into the database, in bytes. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;
const PERIOD_MS = 1_000;

const THREAD = `
const { parentPort, workerData } = require("node:worker_threads");
const { DatabaseSync } = require("node:sqlite");
const db = new DatabaseSync(workerData, { timeout: 0 });
parentPort.on("message", () => {
  try { db.exec("PRAGMA wal_checkpoint(PASSIVE)"); parentPort.postMessage("done"); }
  catch (error) { parentPort.postMessage(String(error)); }
});`;

/**
 * Copies the write-ahead log into the database from another thread, so that its syncs do not hold up the event loop
 * (sqlite.org/wal.html#ckpt). What was written meanwhile the main connection copies itself: little, and then the
 * write-ahead log begins anew instead of growing for ever.
 */
export class Checkpointer {
  readonly #file: string;
  readonly #db: DatabaseSync;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #worker: Worker | undefined;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(file: string, db: DatabaseSync, clock: Clock, onError: (error: unknown) => void) {
    this.#file = file;
    this.#db = db;
    this.#clock = clock;
    this.#onError = onError;
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#worker?.terminate();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancel = this.#clock.setTimer(PERIOD_MS, () => {
      if (walBytes(this.#file) < CHECKPOINT_BYTES) this.#schedule();
      else this.#thread().postMessage("checkpoint");
    });
  }

  #thread(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(THREAD, { eval: true, workerData: this.#file });
    worker.unref();
    worker.on("message", (answer: string) => {
      if (this.#closed) return;
      if (answer === "done") this.#db.exec("PRAGMA wal_checkpoint(PASSIVE)");
      else this.#onError(new Error(`checkpoint failed: ${answer}`));
      this.#schedule();
    });
    worker.on("error", (error) => {
      this.#onError(error);
      this.#worker = undefined;
      this.#schedule();
    });
    this.#worker = worker;
    return worker;
  }
}

function walBytes(file: string): number {
  return statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
