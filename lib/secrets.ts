import { type ISecret, Secret } from "aws-cdk-lib/aws-secretsmanager";
import type { Construct } from "constructs";
import { parseModelName } from "../src/models/model-name.ts";
import type { CapabilityManifest } from "./bundling/app-manifest.ts";
import { SynthError } from "./synth-error.ts";

export interface SecretsProps {
  readonly scope: Construct;
  /** By the name of the variable; others are looked up by name. */
  readonly given: Readonly<Record<string, ISecret>>;
  /** What names of secrets that are looked up begin with, with its '/'. */
  readonly namePrefix: string;
  /** All models that steps may call. */
  readonly models: readonly string[];
}

/** The variable that a provider's package reads its key from. Bedrock asks for a role, not for a key. */
export const KEY_VARIABLES = { openai: "OPENAI_API_KEY", anthropic: "ANTHROPIC_API_KEY" } as const;
/** An OpenAI-compatible server may want a key; only its owner knows. */
const OPTIONAL_VARIABLE = "SLUICE_MODEL_API_KEY";

/** The variables that a capability reads from secrets, in order. `given`: those whose secrets are there by other means. */
export function secretVariablesOf(
  { secrets, usesModel }: Pick<CapabilityManifest, "secrets" | "usesModel">,
  models: readonly string[],
  given: readonly string[] = [],
): string[] {
  const ofModels = models.flatMap((name) => {
    const { provider } = parseModelName(name);
    if (provider === "openai" || provider === "anthropic") return [KEY_VARIABLES[provider]];
    return provider === "openai-compatible" && given.includes(OPTIONAL_VARIABLE) ? [OPTIONAL_VARIABLE] : [];
  });
  return [...new Set([...secrets, ...(usesModel ? ofModels : [])])].sort();
}

/** What names of an instance's secrets begin with. */
export const secretPrefix = (stage: string): string => `sluice/${stage}/`;

/** The secrets of each capability: those that it names, and the keys of the models' providers if it calls models. */
export class Secrets {
  readonly #props: SecretsProps;
  readonly #used = new Map<string, ISecret>();

  constructor(props: SecretsProps) {
    this.#props = props;
  }

  of(capability: CapabilityManifest): ReadonlyMap<string, ISecret> {
    const { models, given } = this.#props;
    const variables = secretVariablesOf(capability, models, Object.keys(given));
    return new Map(variables.map((variable) => [variable, this.#secret(variable)]));
  }

  /** All that any capability uses. Throws {@link SynthError} where one was given that none does. */
  used(): ReadonlyMap<string, ISecret> {
    const idle = Object.keys(this.#props.given).filter((variable) => !this.#used.has(variable));
    if (idle.length > 0) {
      throw new SynthError(
        `secrets has ${idle.join(", ")}, which no capability uses; used are ${[...this.#used.keys()].join(", ") || "none"}`,
      );
    }
    return this.#used;
  }

  #secret(variable: string): ISecret {
    const { scope, given, namePrefix } = this.#props;
    const secret =
      this.#used.get(variable) ??
      given[variable] ??
      Secret.fromSecretNameV2(scope, `Secret-${variable}`, namePrefix + variable);
    this.#used.set(variable, secret);
    return secret;
  }
}

/** The ARN for a policy: of a secret known by its name only, with the six characters that Secrets Manager adds to it. */
export const policyArn = (secret: ISecret): string => secret.secretFullArn ?? `${secret.secretArn}-??????`;
