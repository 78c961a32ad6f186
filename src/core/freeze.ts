import type { Json } from "../contract/json.ts";

/** Recorded values are shared by all passes of a workflow, so nobody may change them. */
export function freeze<T extends Json | undefined>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  if (Array.isArray(value)) for (const item of value) freeze(item);
  else for (const key in value) freeze((value as Record<string, Json>)[key]);
  return value;
}
