import type { JobId } from "../contract/ids.ts";
import type { Records } from "./ports.ts";
import type { DeliveryRecord } from "./webhook-delivery.ts";

const PREFIX = "delivery#";
/** Whether the job's own webhook is in use: not among the log's records. */
const OWN_KEY = "own-webhook";
const IN_USE = "in use";
const GONE = "gone";

export interface StoredDelivery {
  readonly record: DeliveryRecord;
  /** 0 for one that is not there yet. */
  readonly version: number;
}

/** The delivery log of a job: a record for each event at each webhook. */
export class Deliveries {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  async get(jobId: JobId, id: string): Promise<StoredDelivery | undefined> {
    const stored = await this.#records.get({ jobId }, PREFIX + id);
    return stored && { record: JSON.parse(stored.text) as DeliveryRecord, version: stored.version };
  }

  /** In the order of their events. */
  async of(jobId: JobId): Promise<DeliveryRecord[]> {
    const stored = await this.#records.list({ jobId }, PREFIX);
    return stored
      .map(({ text }) => JSON.parse(text) as DeliveryRecord)
      .sort((a, b) => a.seq - b.seq || (a.webhook < b.webhook ? -1 : 1));
  }

  /** False: another was faster. */
  change(jobId: JobId, record: DeliveryRecord, expectedVersion: number, expiresMs: number): Promise<boolean> {
    return this.#records.change({ jobId }, PREFIX + record.id, JSON.stringify(record), expectedVersion, expiresMs);
  }

  /** Whether the job's own webhook is to be sent nothing more: one read, however long the log is. */
  async isOwnGone(jobId: JobId): Promise<boolean> {
    return (await this.#records.get({ jobId }, OWN_KEY))?.text === GONE;
  }

  /** Has the job's own webhook sent nothing more, or takes it into use again. Safe to call again. */
  async setOwnGone(jobId: JobId, isGone: boolean, expiresMs: number): Promise<void> {
    const stored = await this.#records.get({ jobId }, OWN_KEY);
    const text = isGone ? GONE : IN_USE;
    if ((stored?.text ?? IN_USE) === text) return;
    // Where another is faster, it has decided at the same time.
    await this.#records.change({ jobId }, OWN_KEY, text, stored?.version ?? 0, expiresMs);
  }
}
