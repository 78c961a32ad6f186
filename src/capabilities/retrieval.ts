import { RetrievalInput, RetrievalOutput } from "../contract/standard-capabilities.ts";
import { defineCapability } from "../core/define-capability.ts";

/** Finds the passages of the app's corpus that fit a query best. None is an answer, not an error. */
export const retrieval = defineCapability({
  name: "retrieval",
  description: "Full-text search over the app's documents",
  input: RetrievalInput,
  output: RetrievalOutput,
  timeoutMs: 10_000,
  async run({ query, topK }, { resources }) {
    return { query, passages: [...(await resources.corpus.search(query, topK))] };
  },
});
