import { MAX_EVENTS } from "../../src/contract/api.ts";
import type { JobEvent } from "../../src/contract/events.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import type { JobStores } from "../../src/core/read-job.ts";
import { readEvents } from "./events.ts";

/** What of a log is to be sent after a cursor, as an event stream has it. */
export interface Frames {
  /** "" where there is nothing. */
  readonly text: string;
  readonly next: number;
  readonly ended: boolean;
  /** There is more already. */
  readonly cut: boolean;
}

/**
 * Reads frames of logs. Readers of one job who ask for the same at once, since they were told of the same commit, share one
 * read. It may have begun before the commit that one of them was told of: that one is told again.
 */
export class FrameReader {
  readonly #stores: JobStores;
  readonly #reading = new Map<string, Promise<Frames>>();

  constructor(stores: JobStores) {
    this.#stores = stores;
  }

  /** Rejects as {@link readEvents} does. */
  read(tenant: TenantId, jobId: JobId, after: number): Promise<Frames> {
    const key = `${tenant} ${jobId} ${after}`;
    const reading = this.#reading.get(key) ?? this.#read(tenant, jobId, after);
    if (!this.#reading.has(key)) {
      this.#reading.set(key, reading);
      const forget = (): void => void this.#reading.delete(key);
      reading.then(forget, forget);
    }
    return reading;
  }

  /** Shares nothing: whoever follows a job only now was not told of what a read has missed that has begun before. */
  readAnew(tenant: TenantId, jobId: JobId, after: number): Promise<Frames> {
    return this.#read(tenant, jobId, after);
  }

  async #read(tenant: TenantId, jobId: JobId, after: number): Promise<Frames> {
    const { events, ...page } = await readEvents(tenant, jobId, { after, limit: MAX_EVENTS }, this.#stores);
    return { text: events.map(frameOf).join(""), ...page };
  }
}

/** JSON has no line breaks of its own. */
const frameOf = (event: JobEvent): string =>
  `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
