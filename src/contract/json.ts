import { z } from "zod";

/** What a log, a message and a response can hold. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Any JSON value. Used where the shape belongs to a user's own schema. */
export const Json: z.ZodType<Json> = z.json() as z.ZodType<Json>;

/** Levels of arrays and objects that a value from outside may have: everything that walks a value is safe with as many. */
export const MAX_JSON_DEPTH = 100;

/** Whether a value has more than `levels` levels of arrays and objects. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  for (const key in value) {
    if (isDeeperThan((value as Record<string, unknown>)[key], levels - 1)) return true;
  }
  return false;
}
