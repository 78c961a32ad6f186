import { FairQueue } from "../engines/embedded/fair-queue.ts";

interface Waiting {
  readonly tenant: string;
  readonly enqueuedAtMs: number;
  readonly enter: () => void;
}

/**
 * Lets so many in at once; who waits is let in tenant by tenant. One event loop serves all: what a thousand requests of one
 * tenant do in a turn of it, every other tenant would wait for, at each of its steps.
 */
export class FairGate {
  readonly #places: number;
  readonly #waiting = new FairQueue<Waiting>();
  #inside = 0;

  constructor(places: number) {
    this.#places = places;
  }

  async pass<T>(tenant: string, serve: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#places) this.#inside += 1;
    else await new Promise<void>((enter) => this.#waiting.push({ tenant, enqueuedAtMs: 0, enter }));
    try {
      return await serve();
    } finally {
      const next = this.#waiting.shift();
      if (next) next.enter();
      else this.#inside -= 1;
    }
  }
}
