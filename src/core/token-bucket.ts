import type { Reservable } from "./ports.ts";

/**
 * A token bucket as the generic cell rate algorithm (GCRA, virtual scheduling form: ITU-T I.371, annex A; ATM Forum
 * TM 4.1, 4.4.1). A bucket is one number, its theoretical arrival time: the moment at which it will be full again. So
 * nothing has to fill it, and taking from it is an addition, which many can make at once.
 *
 * 1. Granted costs in any window add up to the window's length and the largest burst that was asked with at most, and to
 *    the largest cost where that is above the burst.
 * 2. Any cost is granted once the bucket is full.
 */
export type BucketDecision =
  /** Nothing has been taken that is not back: the bucket is full again at `fullAtMs`. */
  | { readonly kind: "from-full"; readonly fullAtMs: number }
  /** There is enough, for as long as the bucket is full after now and at `latestMs` at the latest: add the cost. */
  | { readonly kind: "from-rest"; readonly latestMs: number }
  | { readonly kind: "refused"; readonly retryAtMs: number };

/** @param fullAtMs when the bucket is full again; undefined for one that nobody has ever taken from */
export function decideReservation(
  fullAtMs: number | undefined,
  { costMs, burstMs, nowMs }: Reservable,
): BucketDecision {
  if (fullAtMs === undefined || fullAtMs <= nowMs) return { kind: "from-full", fullAtMs: nowMs + costMs };
  // What does not fit into the bucket at all has to wait until it is full.
  const spareMs = burstMs - Math.min(costMs, burstMs);
  const latestMs = nowMs + spareMs;
  if (fullAtMs <= latestMs) return { kind: "from-rest", latestMs };
  return { kind: "refused", retryAtMs: fullAtMs - spareMs };
}
