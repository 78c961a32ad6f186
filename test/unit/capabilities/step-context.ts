import type { Usage } from "../../../src/contract/events.ts";
import type { StepContext } from "../../../src/core/define-capability.ts";
import type { Corpus, Resources, Tool } from "../../../src/core/resources.ts";

export interface RecordedStep extends StepContext {
  readonly chunks: string[];
  readonly usages: Usage[];
}

export const emptyCorpus: Corpus = { search: () => [], read: () => undefined };

/** What a capability's `run` is given, keeping what it reports. */
export function stepContext(
  // biome-ignore lint/suspicious/noExplicitAny: tools of different inputs in one list
  resources: Partial<Omit<Resources, "tools">> & { readonly tools?: readonly Tool<any>[] } = {},
  signal: AbortSignal = new AbortController().signal,
): RecordedStep {
  const chunks: string[] = [];
  const usages: Usage[] = [];
  return {
    jobId: "job_test",
    tenant: "acme",
    stepId: "step",
    attempt: 1,
    idempotencyKey: "job_test/step",
    signal,
    chunks,
    usages,
    progress: (text) => chunks.push(text),
    keptAs: async () => {},
    usage: (usage) => usages.push(usage),
    resources: {
      model: resources.model ?? "embedded:extractive",
      price: resources.price,
      corpus: resources.corpus ?? emptyCorpus,
      tools: new Map((resources.tools ?? []).map((tool) => [tool.name, tool])),
    },
  };
}
