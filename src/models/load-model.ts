import type { LanguageModelV4 } from "@ai-sdk/provider";
import { parseModelName } from "./model-name.ts";

/**
 * The AI SDK's model of a name such as `openai:gpt-5-mini`. Loads the provider's package on first use and reads its
 * key from the environment then: `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, the AWS variables, and, where an
 * OpenAI-compatible server wants a key, `SLUICE_MODEL_API_KEY`. A missing key is an error of the call, not of this.
 *
 * Throws `UnknownModelError` for a name of no known form.
 */
export async function loadModel(name: string): Promise<LanguageModelV4> {
  const model = parseModelName(name);
  switch (model.provider) {
    case "bedrock": {
      const { createAmazonBedrock } = await import("@ai-sdk/amazon-bedrock");
      return createAmazonBedrock()(model.id);
    }
    case "openai": {
      const { createOpenAI } = await import("@ai-sdk/openai");
      return createOpenAI()(model.id);
    }
    case "anthropic": {
      const { createAnthropic } = await import("@ai-sdk/anthropic");
      return createAnthropic()(model.id);
    }
    case "openai-compatible": {
      const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
      const apiKey = process.env.SLUICE_MODEL_API_KEY;
      const provider = createOpenAICompatible({
        name: "openai-compatible",
        baseURL: model.url,
        includeUsage: true,
        ...(apiKey ? { apiKey } : {}),
      });
      return provider(model.id);
    }
    case "embedded": {
      const { ExtractiveModel } = await import("./extractive.ts");
      return new ExtractiveModel();
    }
  }
}
