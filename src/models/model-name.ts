/** A model as an app or a step names it, taken apart. */
export type ModelName =
  | { readonly provider: "bedrock" | "openai" | "anthropic"; readonly id: string }
  | { readonly provider: "openai-compatible"; readonly url: string; readonly id: string }
  | { readonly provider: "embedded"; readonly id: "extractive" };

/** What {@link parseModelName} takes, for messages to people. */
export const MODEL_NAME_FORMS =
  "bedrock:ID, openai:ID, anthropic:ID, openai-compatible:URL#ID (such as " +
  "openai-compatible:http://127.0.0.1:11434/v1#llama3.2) or embedded:extractive (needs no key)";

/** A model's name is of no known form. The message says what was got and what is allowed. */
export class UnknownModelError extends Error {
  override readonly name = "UnknownModelError";

  constructor(got: string, why: string) {
    super(`unknown model ${JSON.stringify(got)}: ${why}. A model is named ${MODEL_NAME_FORMS}`);
  }
}

/**
 * Takes a model's name apart. Only the form is checked, so a host can call it at start: no network, no environment.
 * Throws {@link UnknownModelError}.
 */
export function parseModelName(name: string): ModelName {
  const colon = name.indexOf(":");
  if (colon === -1) throw new UnknownModelError(name, "it names no provider");
  const provider = name.slice(0, colon);
  const rest = name.slice(colon + 1);
  switch (provider) {
    case "bedrock":
    case "openai":
    case "anthropic":
      if (!/^\S+$/.test(rest))
        throw new UnknownModelError(name, `${provider}: is followed by the model's id, without spaces`);
      return { provider, id: rest };
    case "openai-compatible":
      return { provider, ...endpoint(name, rest) };
    case "embedded":
      if (rest !== "extractive") throw new UnknownModelError(name, "the one embedded model is extractive");
      return { provider, id: rest };
    default:
      throw new UnknownModelError(name, `there is no provider ${JSON.stringify(provider)}`);
  }
}

function endpoint(name: string, rest: string): { url: string; id: string } {
  const hash = rest.lastIndexOf("#");
  const id = rest.slice(hash + 1);
  if (hash === -1 || !/^\S+$/.test(id))
    throw new UnknownModelError(name, "the URL is followed by '#' and the model's id");
  const url = URL.parse(rest.slice(0, hash));
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new UnknownModelError(name, "the URL must be complete and begin with http:// or https://");
  }
  // Model names are on record in jobs, where no secret belongs.
  if (url.username !== "" || url.password !== "") {
    const shown = `openai-compatible:${url.protocol}//…@${url.host}#${id}`;
    throw new UnknownModelError(shown, "the URL must not hold credentials; put the key into SLUICE_MODEL_API_KEY");
  }
  return { url: url.href.replace(/\/$/, ""), id };
}
