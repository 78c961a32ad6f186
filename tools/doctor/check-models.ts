import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { STSClient } from "@aws-sdk/client-sts";
import { KEY_VARIABLES, secretPrefix } from "../../lib/secrets.ts";
import { modelError } from "../../src/capabilities/model-error.ts";
import { ThrottledError } from "../../src/core/retry.ts";
import { loadModel } from "../../src/models/load-model.ts";
import { type ModelName, parseModelName } from "../../src/models/model-name.ts";
import type { Identity } from "./check-identity.ts";
import { clientOptions } from "./clients.ts";
import { type Finding, fail, isDenied, ok, warn } from "./finding.ts";

/** OpenAI takes no smaller limit. */
const MAX_OUTPUT_TOKENS = 16;
const ANSWER_MS = 30_000;
const about = "model";

/** Calls each model as workers do, one after the other: a few tokens, which cost nothing to speak of. */
export async function checkModels(identity: Identity, instance: string, models: readonly string[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const name of new Set(models)) findings.push(await checkModel(identity, instance, name));
  return findings;
}

async function checkModel(identity: Identity, instance: string, name: string): Promise<Finding> {
  const model = parseModelName(name);
  if (model.provider === "embedded") return ok(about, `${name} needs no access`);
  const { variables, whyNot } = await variablesOf(model, identity, instance);
  if (variables === undefined) return warn(about, `${name} was not called: ${whyNot}`);
  try {
    await withVariables(variables, () => call(name));
    return ok(about, `${name} answers`);
  } catch (error) {
    return findingOf(name, model, error, identity);
  }
}

interface Variables {
  /** What workers find in their environment; undefined takes a variable away. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  /** Where that cannot be told. */
  readonly whyNot?: string;
}

async function variablesOf(model: ModelName, { region }: Identity, instance: string): Promise<Variables> {
  switch (model.provider) {
    case "bedrock": {
      const { credentials } = new STSClient(clientOptions(region)).config;
      const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
      return {
        variables: {
          AWS_REGION: region,
          AWS_ACCESS_KEY_ID: accessKeyId,
          AWS_SECRET_ACCESS_KEY: secretAccessKey,
          AWS_SESSION_TOKEN: sessionToken,
          AWS_BEARER_TOKEN_BEDROCK: undefined,
        },
      };
    }
    case "openai":
    case "anthropic": {
      const variable = KEY_VARIABLES[model.provider];
      const SecretId = secretPrefix(instance) + variable;
      try {
        const client = new SecretsManagerClient(clientOptions(region));
        const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }));
        return { variables: { [variable]: SecretString } };
      } catch (error) {
        if (isDenied(error as Error))
          return { whyNot: `needs permission secretsmanager:GetSecretValue on ${SecretId}` };
        return { whyNot: `${SecretId} cannot be read: ${(error as Error).name}` };
      }
    }
    case "openai-compatible":
      return { variables: { SLUICE_MODEL_API_KEY: undefined } };
    case "embedded":
      return { variables: {} };
  }
}

async function call(name: string): Promise<void> {
  const model = await loadModel(name);
  const { stream } = await model.doStream({
    prompt: [{ role: "user", content: [{ type: "text", text: "Answer with OK." }] }],
    maxOutputTokens: MAX_OUTPUT_TOKENS,
    abortSignal: AbortSignal.timeout(ANSWER_MS),
  });
  for await (const part of stream) if (part.type === "error") throw part.error;
}

function findingOf(name: string, { provider }: ModelName, error: unknown, { region }: Identity): Finding {
  const meaning = modelError(error, Date.now(), { model: name, region });
  const message = (meaning instanceof Error ? meaning.message : String(meaning)).replace(REDRIVE, "");
  const [, action] = (provider === "bedrock" && DENIED.exec(message)) || [];
  // The workers have a role of their own.
  if (action !== undefined && !OF_ORGANIZATION.test(message)) {
    return warn(
      about,
      `${name} could not be checked: needs permission ${action}; the workers get it by the deployment`,
    );
  }
  const said = `${name}: ${message}`;
  if (provider === "openai-compatible" && meaning instanceof ThrottledError) {
    return warn(about, `${said}, from here; whether the workers reach it is not known`);
  }
  return meaning instanceof ThrottledError ? warn(about, said) : fail(about, said, "docs/models.md");
}

/** What is said of a step does not belong here. */
const REDRIVE = /(\. Then|, then) redrive the step$/;
const DENIED = /not authorized to perform:? (\S+)/i;
const OF_ORGANIZATION = /explicit deny in an? (service|resource) control policy/i;

/** The providers' packages read the environment. */
async function withVariables(
  variables: Readonly<Record<string, string | undefined>>,
  run: () => Promise<void>,
): Promise<void> {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  setVariables(variables);
  try {
    await run();
  } finally {
    setVariables(before);
  }
}

function setVariables(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
