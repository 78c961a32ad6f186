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
const KEY_VARIABLES = { openai: "OPENAI_API_KEY", anthropic: "ANTHROPIC_API_KEY" } as const;
/** An OpenAI-compatible server may want a key; only its owner knows. */
const OPTIONAL_VARIABLE = "SLUICE_MODEL_API_KEY";

/** The secrets of each capability: those that it names, and the keys of the models' providers if it calls models. */
export class Secrets {
  readonly #props: SecretsProps;
  readonly #used = new Map<string, ISecret>();

  constructor(props: SecretsProps) {
    this.#props = props;
  }

  of({ secrets, usesModel }: CapabilityManifest): ReadonlyMap<string, ISecret> {
    const variables = new Set([...secrets, ...(usesModel ? this.#keysOfModels() : [])]);
    return new Map([...variables].sort().map((variable) => [variable, this.#secret(variable)]));
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

  #keysOfModels(): string[] {
    return this.#props.models.flatMap((name) => {
      const { provider } = parseModelName(name);
      if (provider === "openai" || provider === "anthropic") return [KEY_VARIABLES[provider]];
      return provider === "openai-compatible" && OPTIONAL_VARIABLE in this.#props.given ? [OPTIONAL_VARIABLE] : [];
    });
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
