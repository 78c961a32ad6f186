/** Of a measured time, in ms. */
export interface Percentiles {
  readonly samples: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** Undefined where nothing was measured. */
export function percentiles(values: Iterable<number>): Percentiles | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  if (sorted.length === 0) return undefined;
  return { samples: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}
