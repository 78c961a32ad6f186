import type { JobView } from "../../src/contract/api.ts";

/** How each workflow of the soak's app ends. */
export const ENDS: Readonly<Record<string, JobView["status"]>> = {
  chain: "completed",
  parallel: "completed",
  "fan-out": "completed",
  analysis: "completed",
  scored: "completed",
  fallback: "completed",
  "dead-letter": "dead-lettered",
  failing: "failed",
};

/** Capabilities whose every call is a call of the model server. */
export const MODEL_CAPABILITIES: readonly string[] = ["completion", "score"];

/** Of 25 jobs, so many have each shape; they come mixed. */
const MIX: Readonly<Record<string, number>> = {
  chain: 6,
  parallel: 5,
  "fan-out": 3,
  analysis: 5,
  scored: 3,
  fallback: 1,
  "dead-letter": 1,
  failing: 1,
};
const CYCLE = Object.entries(MIX).flatMap(([name, count]) => Array.from({ length: count }, () => name));

/** The workflow of the nth job. 7 has no factor in common with the 25: the shapes come in turn. */
export const shapeOf = (n: number): string => CYCLE[(n * 7) % CYCLE.length] ?? "chain";

export const TENANTS = ["soak-a", "soak-b", "soak-c"] as const;
export const tenantOf = (n: number): string => TENANTS[n % TENANTS.length] ?? TENANTS[0];
