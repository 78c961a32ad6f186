import type { Clock } from "./ports.ts";

interface Known {
  readonly atMs: number;
  readonly count: Promise<number>;
  answered: boolean;
  /** What this process had added when it was asked for, and whoever counts may or may not have seen. */
  readonly unseen: number;
  /** What this process has added since then. */
  since: number;
}

export type Place =
  /** Call `settle` once whoever counts can see what was added, or, with false, when it has come to nothing. */
  { readonly free: true; settle(added: boolean): void } | { readonly free: false; readonly count: number };

/** Keys whose counts are kept at most. */
const MAX_KEYS = 10_000;

/** Counts that are asked for elsewhere and may be used for a while; what this process adds counts at once. */
export class SharedCount {
  readonly #clock: Clock;
  readonly #freshMs: number;
  readonly #known = new Map<string, Known>();
  /** Added, and perhaps not yet to be seen by who counts. */
  readonly #pending = new Map<string, number>();

  constructor(clock: Clock, freshMs: number) {
    this.#clock = clock;
    this.#freshMs = freshMs;
  }

  /** Adds `n` where there are fewer than `most`. Two that ask at once never take the same place. */
  async take(key: string, n: number, most: number, ask: () => Promise<number>): Promise<Place> {
    const known = this.#fresh(key) ?? this.#ask(key, ask);
    const asked = await known.count;
    const count = asked + Math.max(known.since, this.#pending.get(key) ?? 0);
    if (count >= most) return { free: false, count };
    if (asked + known.unseen + known.since >= most) {
      // Some that were on their way have come to their end meanwhile, and are counted or not: the next answer knows.
      this.#forget(key, known);
      return await this.take(key, n, most, ask);
    }
    known.since += n;
    this.#pend(key, n);
    return {
      free: true,
      settle: (added) => {
        if (!added) known.since -= n;
        this.#pend(key, -n);
      },
    };
  }

  #pend(key: string, n: number): void {
    const pending = (this.#pending.get(key) ?? 0) + n;
    if (pending > 0) this.#pending.set(key, pending);
    else this.#pending.delete(key);
  }

  /** One that has not been answered yet serves all who come meanwhile: so it knows what each of them adds. */
  #fresh(key: string): Known | undefined {
    const known = this.#known.get(key);
    return known && (!known.answered || this.#clock.now() - known.atMs < this.#freshMs) ? known : undefined;
  }

  #ask(key: string, ask: () => Promise<number>): Known {
    const unseen = this.#pending.get(key) ?? 0;
    const known: Known = { atMs: this.#clock.now(), count: ask(), answered: false, unseen, since: 0 };
    if (this.#known.size >= MAX_KEYS) this.#known.clear();
    this.#known.set(key, known);
    known.count.then(
      () => {
        known.answered = true;
        if (this.#freshMs === 0) this.#forget(key, known);
      },
      // A failure is no count: the next one asks again.
      () => this.#forget(key, known),
    );
    return known;
  }

  #forget(key: string, known: Known): void {
    if (this.#known.get(key) === known) this.#known.delete(key);
  }
}
