/** Lets so many of each key go at once; the others wait for their turn, in the order in which they came. */
export class Turns {
  readonly #most: number;
  readonly #going = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(most: number) {
    this.#most = most;
  }

  /** False where as many go as may: then there is {@link wait}. */
  take(key: string): boolean {
    const going = this.#going.get(key) ?? 0;
    if (going >= this.#most) return false;
    this.#going.set(key, going + 1);
    return true;
  }

  /** Resolves when the caller has its turn. To be called after `take` has said false, in the same turn of the event loop. */
  wait(key: string): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key);
      if (waiting === undefined) this.#waiting.set(key, [resolve]);
      else waiting.push(resolve);
    });
  }

  /** Passes a turn that was taken on to the next. */
  give(key: string): void {
    const waiting = this.#waiting.get(key);
    const next = waiting?.shift();
    if (waiting?.length === 0) this.#waiting.delete(key);
    if (next !== undefined) {
      next();
      return;
    }
    const going = (this.#going.get(key) ?? 0) - 1;
    if (going > 0) this.#going.set(key, going);
    else this.#going.delete(key);
  }
}
