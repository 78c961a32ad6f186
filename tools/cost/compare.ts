import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const Product = z.object({
  name: z.string(),
  unit: z.string(),
  /** Units of a job of four steps. */
  perJob: z.number().positive(),
  /** How these were counted. */
  counted: z.string(),
  pricePerMillion: z.number().nonnegative(),
  /** Units a month that the plan has in it. */
  freeUnits: z.number().nonnegative().default(0),
  /** Dollars for a million jobs besides. */
  fixed: z.number().nonnegative(),
  fixedNote: z.string().optional(),
  /** What is paid elsewhere. */
  extra: z.string(),
  source: z.url(),
  /** The source shows these prices. */
  verified: z.boolean(),
  doubt: z.string().optional(),
});
export type Product = z.output<typeof Product>;

const ComparatorFile = z.object({ dated: z.string(), products: z.array(Product) });

export const loadComparators = (): z.output<typeof ComparatorFile> =>
  ComparatorFile.parse(JSON.parse(readFileSync(join(import.meta.dirname, "comparators.json"), "utf8")));

/** Dollars for a million jobs in a month. */
export function perMillionJobs({ perJob, freeUnits, pricePerMillion, fixed }: Product): number {
  return (Math.max(0, perJob * 1_000_000 - freeUnits) / 1_000_000) * pricePerMillion + fixed;
}
