import { afterEach, describe, expect, it, vi } from "vitest";
import { loadModel } from "../../../src/models/load-model.ts";
import { parseModelName, UnknownModelError } from "../../../src/models/model-name.ts";

afterEach(() => vi.unstubAllEnvs());

describe("parseModelName", () => {
  it.each([
    [
      "bedrock:eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
      { provider: "bedrock", id: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0" },
    ],
    ["openai:gpt-5-mini", { provider: "openai", id: "gpt-5-mini" }],
    ["anthropic:claude-haiku-4-5", { provider: "anthropic", id: "claude-haiku-4-5" }],
    [
      "openai-compatible:http://127.0.0.1:11434/v1/#library/llama3.2:1b",
      { provider: "openai-compatible", url: "http://127.0.0.1:11434/v1", id: "library/llama3.2:1b" },
    ],
    ["embedded:extractive", { provider: "embedded", id: "extractive" }],
  ])("takes %s apart", (name, parts) => {
    expect(parseModelName(name)).toEqual(parts);
  });

  it.each([
    ["", /names no provider/],
    ["gpt-5", /unknown model "gpt-5": it names no provider/],
    ["azure:gpt-5", /no provider "azure"/],
    ["OpenAI:gpt-5", /no provider "OpenAI"/],
    ["openai:", /followed by the model's id/],
    ["openai:gpt 5", /without spaces/],
    ["embedded:abstractive", /the one embedded model is extractive/],
    ["openai-compatible:http://localhost/v1", /followed by '#'/],
    ["openai-compatible:http://localhost/v1#", /followed by '#'/],
    ["openai-compatible:localhost/v1#m", /must be complete/],
    ["openai-compatible:ftp://localhost#m", /must be complete/],
  ])("refuses %j and names every known form", (name, message) => {
    expect(() => parseModelName(name)).toThrow(UnknownModelError);
    expect(() => parseModelName(name)).toThrow(message);
    for (const form of ["bedrock:ID", "openai:ID", "anthropic:ID", "openai-compatible:URL#ID", "embedded:extractive"]) {
      expect(() => parseModelName(name)).toThrow(form);
    }
  });

  it("refuses credentials in a URL, and does not repeat them", () => {
    const name = "openai-compatible:https://user:hunter2@host/v1#m";
    expect(() => parseModelName(name)).toThrow(/SLUICE_MODEL_API_KEY/);
    expect(() => parseModelName(name)).not.toThrow(/hunter2/);
  });
});

describe("loadModel", () => {
  it.each([
    ["bedrock:amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"],
    ["openai:gpt-5-mini", "gpt-5-mini"],
    ["anthropic:claude-haiku-4-5", "claude-haiku-4-5"],
    ["openai-compatible:http://127.0.0.1:1/v1#m", "m"],
    ["embedded:extractive", "extractive"],
  ])("makes the model of %s without a key", async (name, modelId) => {
    for (const key of ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"]) vi.stubEnv(key, undefined);
    vi.stubEnv("AWS_REGION", "eu-central-1");
    expect(await loadModel(name)).toMatchObject({ modelId, specificationVersion: "v4" });
  });

  it("refuses a name of no known form", async () => {
    await expect(loadModel("gpt-5")).rejects.toThrow(UnknownModelError);
  });
});
