import { seededRandom } from "../../src/testing/random.ts";

/** Everything that a schedule leaves to chance, from one seed. */
export class Dice {
  /** From 0 (included) to 1 (not). */
  readonly random: () => number;

  constructor(seed: number) {
    // Neighbouring seeds must not begin alike.
    this.random = seededRandom(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b));
    this.random();
  }

  chance(share: number): boolean {
    return share > 0 && this.random() < share;
  }

  /** A whole number from `least` to `most`, both included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1));
  }

  /** A time in whole ms whose order of magnitude is as likely to be small as large. */
  ms(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.random());
  }

  /** A small probability of any order of magnitude. */
  share(least: number, most: number): number {
    return least * (most / least) ** this.random();
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.random() * items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }
}
