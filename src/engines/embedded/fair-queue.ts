interface Queued {
  readonly tenant: string;
  readonly enqueuedAtMs: number;
}

/** Items taken from the front of a line before its array is cut: the cost of cutting is spread over them. */
const CUT_AFTER = 1_024;

/** First in, first out. An array with a moving front: a map's first key is found ever more slowly after deletions. */
class Line<T> {
  #items: (T | undefined)[] = [];
  #front = 0;

  get size(): number {
    return this.#items.length - this.#front;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#front];
  }

  shift(): T | undefined {
    const item = this.#items[this.#front];
    if (item === undefined) return undefined;
    this.#items[this.#front] = undefined;
    this.#front += 1;
    if (this.#front >= CUT_AFTER && this.#front * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#front);
      this.#front = 0;
    }
    return item;
  }
}

/** First in, first out within a tenant; tenants take turns. A tenant's backlog delays nobody else by more than a turn. */
export class FairQueue<T extends Queued> {
  readonly #tenants = new Map<string, Line<T>>();
  /** Tenants that have items, in the order of their turns. */
  readonly #turns = new Line<string>();
  size = 0;

  push(item: T): void {
    let line = this.#tenants.get(item.tenant);
    if (line === undefined) {
      line = new Line();
      this.#tenants.set(item.tenant, line);
      this.#turns.push(item.tenant);
    }
    line.push(item);
    this.size += 1;
  }

  shift(): T | undefined {
    const tenant = this.#turns.shift();
    const line = tenant === undefined ? undefined : this.#tenants.get(tenant);
    if (tenant === undefined || line === undefined) return undefined;
    const item = line.shift();
    if (line.size > 0) this.#turns.push(tenant);
    else this.#tenants.delete(tenant);
    this.size -= 1;
    return item;
  }

  /** When the item at the front of any tenant's line was put in, in epoch ms, or undefined. */
  oldestMs(): number | undefined {
    let oldest: number | undefined;
    for (const line of this.#tenants.values()) {
      const enqueuedAtMs = line.peek()?.enqueuedAtMs;
      if (enqueuedAtMs !== undefined && (oldest === undefined || enqueuedAtMs < oldest)) oldest = enqueuedAtMs;
    }
    return oldest;
  }
}
