import type { Deployed } from "./deployed.ts";
import { type BurstModel, type BurstResult, simulateBurst } from "./simulate-burst.ts";

export interface Scenario {
  readonly name: string;
  readonly change: Partial<Pick<BurstModel, "accountConcurrency" | "throttle" | "provider">> & {
    readonly maxConcurrency?: number;
  };
}

/** A quota that accounts may have for a model (the example of AWS's own guide to quotas of Bedrock); yours is in Service Quotas. */
const PROVIDER = { requestsPerMinute: 1_000, tokensPerMinute: 2_000_000 };
const MODEL_CALL_MS = 20_000;
const TOKENS_A_CALL = 3_000;
const RAISED = { accountConcurrency: 5_000, maxConcurrency: 1_000, throttle: { rate: 1_000, burst: 2_000 } };
export const SEED = 7;

export const SCENARIOS: readonly Scenario[] = [
  { name: "as deployed", change: {} },
  { name: "as deployed, in a new account (concurrency 10)", change: { accountConcurrency: 10 } },
  { name: "limits of ours and of the account raised", change: RAISED },
  { name: "raised, and a provider's quota", change: { ...RAISED, provider: PROVIDER } },
];

export interface BurstFinding {
  readonly scenario: string;
  readonly jobs: number;
  readonly result: BurstResult;
}

/** Bursts of four-step jobs, two of whose steps wait 20 s for a model, on what is deployed and with raised limits. */
export function simulateScenarios(deployed: Deployed, hopMs: number, bursts = [10_000, 100_000]): BurstFinding[] {
  return SCENARIOS.flatMap(({ name, change }) =>
    bursts.map((jobs) => ({
      scenario: name,
      jobs,
      result: simulateBurst(burstModel(deployed, hopMs, jobs, change)),
    })),
  );
}

function burstModel(deployed: Deployed, hopMs: number, jobs: number, change: Scenario["change"]): BurstModel {
  const work: Readonly<Record<string, { workMs: number; tokens: number }>> = {
    retrieval: { workMs: 50, tokens: 0 },
    completion: { workMs: MODEL_CALL_MS, tokens: TOKENS_A_CALL },
    tool: { workMs: 50, tokens: 0 },
  };
  const { maxConcurrency, ...limits } = change;
  const capabilities = Object.entries(work).map(([name, of]) => {
    const mapping = deployed.mappings.find((each) => each.function.includes(`/Capability-${name}/`));
    const { batchSize = 10, concurrency = 20 } = mapping ?? {};
    return [name, { ...of, batchSize, maxConcurrency: maxConcurrency ?? concurrency }] as const;
  });
  return {
    jobs,
    steps: ["retrieval", "completion", "tool", "completion"],
    capabilities: Object.fromEntries(capabilities),
    throttle: deployed.throttle,
    accountConcurrency: 1_000,
    hopMs,
    seed: SEED,
    ...limits,
  };
}
