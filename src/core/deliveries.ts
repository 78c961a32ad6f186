import type { JobId } from "../contract/ids.ts";
import type { Records } from "./ports.ts";
import type { DeliveryRecord } from "./webhook-delivery.ts";

const PREFIX = "delivery#";

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
}
