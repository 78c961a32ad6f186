import type { Prices } from "./prices.ts";

export interface Waiting {
  readonly answersAtOnce: number;
  /** Dollars for a million steps. */
  readonly perMillion: number;
}

/** What it costs that functions wait for a million answers of a model, so many at once in each. */
export function billWaiting(
  seconds: number,
  memoryMb: number,
  prices: Prices,
  atOnce: readonly number[] = [1, 10, 50],
): Waiting[] {
  const alone = prices.cost("lambda.gbSeconds", (1_000_000 * seconds * memoryMb) / 1_024);
  return atOnce.map((answersAtOnce) => ({ answersAtOnce, perMillion: alone / answersAtOnce }));
}
