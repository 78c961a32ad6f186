import type { App } from "../src/core/define-app.ts";
import { parseModelName } from "../src/models/model-name.ts";
import { KNOWN_PROFILES, PROFILES_AS_OF, PROFILES_SOURCE } from "./bedrock-profiles.ts";

/** Where a worker runs, and so where it calls Bedrock from. Each may be a CDK token. */
export interface Place {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

/**
 * What stands behind an inference profile that the data does not know, by the profile's id or ARN: the regions that it
 * sends prompts to, the source region included, and, for an application inference profile, its model; or, shorter,
 * what an application inference profile was copied from.
 */
export type InferenceProfiles = Readonly<
  Record<string, { readonly model?: string; readonly regions: readonly string[] } | { readonly copyOf: string }>
>;

/** What an `iam.PolicyStatement` is made of; the CDK's types want lists that can be changed. */
export interface AccessStatement {
  readonly actions: string[];
  readonly resources: string[];
  readonly conditions?: { readonly StringEquals: Readonly<Record<string, string>> };
}

/** The access that a Bedrock model needs cannot be told. Thrown at synth; says what is known and how to go on. */
export class BedrockAccessError extends Error {
  override readonly name = "BedrockAccessError";
}

/** InvokeModel covers Converse, InvokeModelWithResponseStream covers ConverseStream. */
const ACTIONS = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"];
const ID = /^[A-Za-z0-9][\w.:-]*$/;
const REGION = /^[a-z]{2,4}(-[a-z]+)+-\d+$/;
const ARN = /^arn:[\w-]+:bedrock:([\w-]*):(\d*):([a-z-]+)\/([\w.:/-]+)$/;
const isToken = (text: string): boolean => text.includes("${");
/** A geography's two letters, us-gov, apac or global; any other word if a model's provider follows. */
const PROFILE_ID =
  /^([a-z]{2}|us-gov|apac|global|[a-z-]+(?=\.(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|moonshotai|openai|qwen|writer|xai|zai)\.))\.(.+)$/;
/** Things with an ARN that stand for themselves: no other resource is needed to call them. */
const WHOLE = ["provisioned-model", "imported-model", "custom-model-deployment"];

/**
 * The access that a worker's role needs for all of an app's models, as few statements without repetition. Models that
 * are not Bedrock's need none. Throws {@link BedrockAccessError}, and `UnknownModelError` for a name of no known form.
 *
 * @example
 * for (const access of bedrockStatements(app, Stack.of(this))) role.addToPolicy(new iam.PolicyStatement(access));
 */
export function bedrockStatements(
  app: Pick<App, "model" | "models">,
  place: Place,
  profiles: InferenceProfiles = {},
): AccessStatement[] {
  const ids = [app.model, ...app.models]
    .map(parseModelName)
    .flatMap((name) => (name.provider === "bedrock" ? [name.id] : []));
  const unused = Object.keys(profiles).find((key) => !ids.includes(key));
  if (unused !== undefined) {
    throw new BedrockAccessError(
      `inferenceProfiles has ${JSON.stringify(unused)}, which is no model of the app; its Bedrock models are ${[...new Set(ids)].join(", ") || "none"}`,
    );
  }
  const byCondition = new Map<string, { conditions: AccessStatement["conditions"]; resources: Set<string> }>();
  for (const { resources, conditions } of ids.flatMap((id) => accessOf(id, place, profiles))) {
    const key = JSON.stringify(conditions ?? null);
    const group = byCondition.get(key) ?? { conditions, resources: new Set() };
    for (const resource of resources) group.resources.add(resource);
    byCondition.set(key, group);
  }
  return [...byCondition.values()].map(({ conditions, resources }) => statement(resources, conditions));
}

/**
 * The access for one Bedrock model or inference profile by its id or ARN: exactly the resources that a call touches,
 * never a wildcard. Models behind a profile may be called through that profile only.
 *
 * AWS asks for the profile, the model in the source region and the model in every destination region
 * (docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html); for a global profile the
 * destinations are one resource without a region, and `aws:RequestedRegion` is "unspecified"
 * (docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html).
 */
export function accessOf(id: string, place: Place, profiles: InferenceProfiles = {}): AccessStatement[] {
  const target = targetOf(id, place);
  if (target.kind === "whole") return [statement([target.arn])];
  if (target.kind === "model") return [statement([modelArn(place, place.region, target.model)])];
  const { model, regions } = reachOf(id, target, place, profiles);
  const through = { "bedrock:InferenceProfileArn": target.arn };
  const inRegions = (regions ?? [place.region]).map((region) => modelArn(place, region, model));
  const statements = [statement([target.arn]), statement(inRegions, { StringEquals: through })];
  if (regions === undefined) {
    const anywhere = { StringEquals: { ...through, "aws:RequestedRegion": "unspecified" } };
    statements.push(statement([modelArn(place, "", model)], anywhere));
  }
  return statements;
}

type Target =
  | { readonly kind: "model"; readonly model: string }
  | { readonly kind: "whole"; readonly arn: string }
  | {
      readonly kind: "profile";
      readonly arn: string;
      readonly id: string;
      readonly prefix: string;
      readonly model: string;
    }
  | { readonly kind: "application-profile"; readonly arn: string };

function targetOf(id: string, place: Place): Target {
  if (!id.startsWith("arn:")) {
    if (!ID.test(id)) throw new BedrockAccessError(`${JSON.stringify(id)} is no id of a Bedrock model: ${FORMS}`);
    const [, prefix, model] = PROFILE_ID.exec(id) ?? [];
    if (prefix === undefined || model === undefined) return { kind: "model", model: id };
    const arn = `arn:${place.partition}:bedrock:${place.region}:${place.account}:inference-profile/${id}`;
    return { kind: "profile", arn, id, prefix, model };
  }
  const [, region = "", , kind = "", name = ""] = ARN.exec(id) ?? [];
  if (kind === "") throw new BedrockAccessError(`${JSON.stringify(id)} is no ARN of Bedrock: ${FORMS}`);
  if (region !== place.region && !isToken(place.region)) {
    throw new BedrockAccessError(
      `${id} is in region ${JSON.stringify(region)}, and the workers call Bedrock in ${place.region}, where they run`,
    );
  }
  if (kind === "foundation-model") return { kind: "model", model: name };
  if (kind === "application-inference-profile") return { kind: "application-profile", arn: id };
  if (WHOLE.includes(kind)) return { kind: "whole", arn: id };
  const [, prefix, model] = (kind === "inference-profile" && PROFILE_ID.exec(name)) || [];
  if (prefix !== undefined && model !== undefined) return { kind: "profile", arn: id, id: name, prefix, model };
  throw new BedrockAccessError(`what calling ${id} needs is not known: ${FORMS}`);
}

const FORMS =
  `a Bedrock model is named by the id of a foundation model or of an inference profile, or by the ARN of one of these or of ` +
  `an ${["application-inference-profile", ...WHOLE].join(", ")}`;

/** The model behind a profile and the regions that it may run in; without regions: in any. */
interface Reach {
  readonly model: string;
  readonly regions: readonly string[] | undefined;
}

function reachOf(
  id: string,
  target: Extract<Target, { arn: string }> & { kind: "profile" | "application-profile" },
  place: Place,
  profiles: InferenceProfiles,
): Reach {
  const given = profiles[id];
  if (given !== undefined && "regions" in given) {
    const model = given.model ?? (target.kind === "profile" ? target.model : undefined);
    if (model === undefined || !ID.test(model)) {
      throw new BedrockAccessError(
        `inferenceProfiles of ${id} must name the foundation model behind it, such as anthropic.claude-sonnet-5-5; got ${JSON.stringify(model)}`,
      );
    }
    const wrong = given.regions.find((region) => !REGION.test(region) && !isToken(region));
    if (wrong !== undefined || given.regions.length === 0) {
      throw new BedrockAccessError(
        `inferenceProfiles of ${id} must list regions such as eu-west-1; got ${JSON.stringify(wrong ?? given.regions)}`,
      );
    }
    return { model, regions: given.regions };
  }
  if (target.kind === "profile" && given === undefined) return knownReach(target, place);
  if (target.kind === "profile") {
    throw new BedrockAccessError(`${id} is AWS's own profile, no copy: inferenceProfiles takes its regions`);
  }
  if (given === undefined) {
    throw new BedrockAccessError(
      `what stands behind an application inference profile cannot be read from its ARN. Say what it was copied from: ` +
        `inferenceProfiles: { ${JSON.stringify(id)}: { copyOf: "eu.anthropic.claude-sonnet-5-5" } }, ` +
        `or { model: "anthropic.claude-sonnet-5-5", regions: ["eu-west-1"] }`,
    );
  }
  const source = targetOf(given.copyOf, place);
  if (source.kind === "model") return { model: source.model, regions: [place.region] };
  if (source.kind === "profile") return knownReach(source, place);
  throw new BedrockAccessError(
    `an application inference profile is a copy of a foundation model or of a cross-region profile; inferenceProfiles says that ${id} is one of ${given.copyOf}`,
  );
}

function knownReach(profile: Target & { kind: "profile" }, { region }: Place): Reach {
  const { id, prefix, model } = profile;
  if (prefix === "global") return { model, regions: undefined };
  const known = KNOWN_PROFILES.get(id);
  const regions = known?.get(region);
  if (regions !== undefined) return { model, regions };
  const of = [...KNOWN_PROFILES.keys()];
  const sisters = of.filter((other) => other.endsWith(`.${model}`));
  const what =
    known === undefined
      ? `the regions of inference profile ${id} are not known; known of ${model}: ${sisters.join(", ") || "none"}, of ${prefix}.: ${of.filter((other) => other.startsWith(`${prefix}.`)).join(", ") || "none"}`
      : isToken(region)
        ? `the regions of inference profile ${id} depend on the region of the stack, which is not set at synth`
        : `inference profile ${id} is not known to be offered in ${region}; known: ${[...known.keys()].sort().join(", ")}`;
  throw new BedrockAccessError(
    `${what} (data of ${PROFILES_AS_OF}, ${PROFILES_SOURCE}). ${isToken(region) ? "Set the stack's region, or give" : "Give"} the regions yourself: ` +
      `inferenceProfiles: { ${JSON.stringify(id)}: { regions: ["…"] } }, as ` +
      `"aws bedrock get-inference-profile --inference-profile-identifier ${id}" lists them`,
  );
}

const modelArn = ({ partition }: Place, region: string, model: string): string =>
  `arn:${partition}:bedrock:${region}::foundation-model/${model}`;

const statement = (resources: Iterable<string>, conditions?: AccessStatement["conditions"]): AccessStatement => ({
  actions: [...ACTIONS],
  resources: [...resources],
  ...(conditions === undefined ? {} : { conditions }),
});
