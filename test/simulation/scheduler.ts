import TinyQueue from "tinyqueue";

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
  /** Code of the system goes on because of it: it must come to rest before anything else happens. */
  readonly resumes: boolean;
  cancelled: boolean;
}

export const BEGIN_MS = Date.UTC(2030, 0, 1);

/**
 * Virtual time. One thing happens at a time, in the order of times, and everything that code does at once because of it
 * is done before the next: promises and next ticks are through when an immediate of the event loop is.
 */
export class Scheduler {
  nowMs = BEGIN_MS;
  /** So many things have happened. */
  steps = 0;
  #order = 0;
  readonly #queue = new TinyQueue<Happening>([], (a, b) => a.atMs - b.atMs || a.order - b.order);

  /** Lets something happen after a time; returns what cancels it. */
  after(delayMs: number, happen: () => void, resumes = true): () => void {
    const happening = {
      atMs: this.nowMs + Math.max(0, delayMs),
      order: ++this.#order,
      happen,
      resumes,
      cancelled: false,
    };
    this.#queue.push(happening);
    return () => {
      happening.cancelled = true;
    };
  }

  /** Goes on until `done` says so, or `untilMs` has come. False where it had not come to its end by then. */
  async run(done: () => boolean, untilMs: number): Promise<boolean> {
    while (!done()) {
      const next = this.#queue.peek();
      if (next === undefined || next.atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, untilMs);
        return done();
      }
      this.#queue.pop();
      if (next.cancelled) continue;
      this.nowMs = next.atMs;
      this.steps += 1;
      next.happen();
      if (next.resumes) await rest();
    }
    return true;
  }
}

const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
