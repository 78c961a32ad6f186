interface Queued {
  readonly id: number;
  readonly tenant: string;
  readonly enqueuedAtMs: number;
}

/** First in, first out within a tenant; tenants take turns. A tenant's backlog delays nobody else by more than a turn. */
export class FairQueue<T extends Queued> {
  /** Insertion order of the outer map is the order of turns. */
  readonly #tenants = new Map<string, Map<number, T>>();
  size = 0;

  push(item: T): void {
    const queue = this.#tenants.get(item.tenant);
    if (queue) queue.set(item.id, item);
    else this.#tenants.set(item.tenant, new Map([[item.id, item]]));
    this.size += 1;
  }

  shift(): T | undefined {
    for (const [tenant, queue] of this.#tenants) {
      for (const [id, item] of queue) {
        queue.delete(id);
        this.#tenants.delete(tenant);
        if (queue.size > 0) this.#tenants.set(tenant, queue);
        this.size -= 1;
        return item;
      }
    }
    return undefined;
  }

  /** When the oldest item was put in, in epoch ms, or undefined. */
  oldestMs(): number | undefined {
    let oldest: number | undefined;
    for (const queue of this.#tenants.values()) {
      for (const { enqueuedAtMs } of queue.values()) {
        if (oldest === undefined || enqueuedAtMs < oldest) oldest = enqueuedAtMs;
        break;
      }
    }
    return oldest;
  }
}
