import type { Rate } from "../../src/core/rate-limits.ts";

/** What a capability's steps have to pass before they are called, in schedules that are about limits. */
export interface Gated {
  readonly provider?: string;
  /** That a call reserves. It uses half of them. */
  readonly tokens?: number;
  readonly tenantConcurrency?: number;
  readonly maxBacklog?: number;
}

export const GATED: Readonly<Record<string, Gated>> = {
  quick: { provider: "acme:small", tokens: 40, maxBacklog: 20 },
  wide: { provider: "acme:small", tokens: 100, tenantConcurrency: 4 },
  stream: { provider: "acme:large", tokens: 700, tenantConcurrency: 1 },
  flaky: { provider: "search" },
  careful: { tenantConcurrency: 1 },
};

/** Two models share the one rate. A request takes two seconds of it, and 100 tokens take one. */
export const RATED = "acme";
export const RATE = { requestsPerMinute: 30, tokensPerMinute: 6_000 } as const satisfies Rate;
export const TENANT_LIMITS = { jobsPerMinute: 4, jobsInFlight: 2 } as const;

export const PROVIDERS: readonly string[] = [
  ...new Set(Object.values(GATED).flatMap(({ provider }) => (provider === undefined ? [] : [provider]))),
];
