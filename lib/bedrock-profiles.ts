/**
 * Where Bedrock's cross-region inference profiles send prompts: for each profile, its source regions (from which it
 * may be called) and the destinations of each.
 *
 * Source: AWS lists them at {@link PROFILES_SOURCE}, which now refers to one page for each model. What stands here is
 * what the API itself answered (ListInferenceProfiles and GetInferenceProfile, asked in every commercial region), as
 * the public data set github.com/mirai73/bedrock-models 0.1.165 (MIT-0) recorded it in October 2026. The entry of
 * Claude Sonnet 4.5 was compared with its page; the others were not.
 *
 * Coverage: profiles of models that answer in text, by profile and source region; nothing is guessed from a geography.
 * Not covered: GovCloud (`us-gov.`), China, what was retired or legacy by then (but Claude Sonnet 4 and 4.5), the older
 * GPT 5.4 and 5.5, embeddings, images and video. AWS adds regions to profiles: a destination missing here shows as an
 * AccessDenied that names the region, and the step waits for a person. Until it is added here, an app can give the
 * regions itself (`inferenceProfiles` of bedrock-access.ts).
 */
export const PROFILES_AS_OF = "2026-10";
export const PROFILES_SOURCE = "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html";

/**
 * Destinations that several profiles share. From a source, prompts go to `to`, to the source itself, and to what
 * `from` names for it besides.
 */
interface Route {
  readonly to: string;
  readonly from: Readonly<Record<string, string>>;
}

const toItself = (sources: string): Record<string, string> =>
  Object.fromEntries(words(sources).map((source) => [source, ""]));

const US: Route = { to: "us-east-1 us-east-2 us-west-2", from: toItself("us-east-1 us-east-2 us-west-2") };
const US_4: Route = { to: US.to, from: toItself(`${US.to} us-west-1`) };
const US_CANADA: Route = { to: US.to, from: toItself(`${US.to} us-west-1 ca-central-1`) };
const US_CANADA_WEST: Route = { to: US.to, from: toItself(`${US.to} us-west-1 ca-central-1 ca-west-1`) };
const CANADA: Route = { to: "ca-central-1 ca-west-1", from: toItself("ca-central-1 ca-west-1") };

const EU_4 = "eu-central-1 eu-north-1 eu-west-1 eu-west-3";
const EU_6 = `${EU_4} eu-south-1 eu-south-2`;
const EU: Route = { to: EU_6, from: toItself(EU_6) };
const EU_ZURICH_LONDON: Route = { to: EU_6, from: toItself(`${EU_6} eu-central-2 eu-west-2`) };
const EU_ISRAEL: Route = { to: EU_6, from: toItself(`${EU_6} il-central-1`) };
const EU_SMALL: Route = { to: EU_4, from: toItself(EU_4) };
const EU_NOVA: Route = {
  to: EU_4,
  from: { ...toItself(`${EU_4} eu-south-1 eu-south-2`), "il-central-1": "eu-south-1" },
};

const JAPAN: Route = { to: "ap-northeast-1 ap-northeast-3", from: toItself("ap-northeast-1 ap-northeast-3") };
const JAPAN_TOKYO: Route = { to: JAPAN.to, from: toItself("ap-northeast-1") };
const INDIA: Route = { to: "ap-south-1 ap-south-2", from: toItself("ap-south-1 ap-south-2") };
const AUSTRALIA: Route = { to: "ap-southeast-2 ap-southeast-4", from: toItself("ap-southeast-2 ap-southeast-4") };
const AUSTRALIA_NEW_ZEALAND: Route = { to: AUSTRALIA.to, from: toItself(`${AUSTRALIA.to} ap-southeast-6`) };

const APAC_6 = "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2";
const APAC_8 = `${APAC_6} ap-south-2 ap-southeast-4`;
const APAC_NOVA_MICRO: Route = {
  to: APAC_6,
  from: {
    ...toItself("ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1 ap-southeast-2"),
    "ap-east-2": "ap-south-2 ap-southeast-3 ap-southeast-4",
    "ap-southeast-3": "ap-south-2 ap-southeast-4",
    "ap-southeast-5": "ap-south-2 ap-southeast-3 ap-southeast-4",
    "ap-southeast-7": "ap-south-2 ap-southeast-3 ap-southeast-4",
  },
};
const APAC_NOVA: Route = { to: APAC_6, from: { ...APAC_NOVA_MICRO.from, "ap-southeast-4": "ap-south-2" } };
const APAC: Route = {
  to: APAC_8,
  from: {
    ...toItself(`${APAC_8} ap-southeast-3`),
    "ap-east-2": "ap-southeast-3",
    "ap-southeast-5": "ap-southeast-3",
    "ap-southeast-7": "ap-southeast-3",
  },
};

/** Routes by model and prefix: `us` of `amazon.nova-pro-v1:0` is profile `us.amazon.nova-pro-v1:0`. */
const ROUTES: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  "amazon.nova-2-lite-v1:0": { us: US_CANADA_WEST, eu: EU, jp: JAPAN_TOKYO },
  "amazon.nova-lite-v1:0": { us: US_4, ca: CANADA, eu: EU_NOVA, apac: APAC_NOVA },
  "amazon.nova-micro-v1:0": { us: US, eu: EU_NOVA, apac: APAC_NOVA_MICRO },
  "amazon.nova-pro-v1:0": { us: US_4, eu: EU_NOVA, apac: APAC_NOVA },
  "anthropic.claude-fable-5": { us: US_CANADA_WEST },
  "anthropic.claude-fable-5-1": { us: US_CANADA_WEST },
  "anthropic.claude-haiku-4-5-20251001-v1:0": {
    us: US_CANADA,
    eu: EU_ZURICH_LONDON,
    jp: JAPAN,
    au: AUSTRALIA_NEW_ZEALAND,
    in: INDIA,
  },
  "anthropic.claude-haiku-5-5": { us: US_CANADA_WEST, eu: EU_ZURICH_LONDON, jp: JAPAN, au: AUSTRALIA },
  "anthropic.claude-opus-4-5-20251101-v1:0": { us: US_CANADA, eu: EU_ZURICH_LONDON },
  "anthropic.claude-opus-4-6-v1": { us: US_CANADA_WEST, eu: EU_ZURICH_LONDON, au: AUSTRALIA_NEW_ZEALAND },
  "anthropic.claude-opus-4-7": { us: US_CANADA_WEST, eu: EU_ZURICH_LONDON, jp: JAPAN, au: AUSTRALIA },
  "anthropic.claude-opus-4-8": { us: US_CANADA_WEST, eu: EU_ZURICH_LONDON, jp: JAPAN, au: AUSTRALIA },
  "anthropic.claude-opus-5": { us: US_CANADA_WEST, eu: EU_ZURICH_LONDON, au: AUSTRALIA, in: INDIA },
  "anthropic.claude-opus-5-5": { us: US_CANADA_WEST, eu: EU_ZURICH_LONDON, jp: JAPAN, au: AUSTRALIA },
  "anthropic.claude-sonnet-4-20250514-v1:0": { us: US_4, eu: EU_ISRAEL, apac: APAC },
  "anthropic.claude-sonnet-4-5-20250929-v1:0": {
    us: US_CANADA,
    eu: EU_ZURICH_LONDON,
    jp: JAPAN,
    au: AUSTRALIA_NEW_ZEALAND,
  },
  "anthropic.claude-sonnet-4-6": {
    us: US_CANADA_WEST,
    eu: EU_ZURICH_LONDON,
    jp: JAPAN,
    au: AUSTRALIA_NEW_ZEALAND,
  },
  "anthropic.claude-sonnet-5": { us: US_CANADA_WEST, eu: EU_ZURICH_LONDON, au: AUSTRALIA, in: INDIA },
  "anthropic.claude-sonnet-5-5": { us: US_CANADA_WEST, eu: EU_ZURICH_LONDON, au: AUSTRALIA },
  "deepseek.r1-v1:0": { us: US },
  "meta.llama3-1-70b-instruct-v1:0": { us: US },
  "meta.llama3-1-8b-instruct-v1:0": { us: US },
  "meta.llama3-3-70b-instruct-v1:0": { us: US },
  "meta.llama4-maverick-17b-instruct-v1:0": { us: US_4 },
  "meta.llama4-scout-17b-instruct-v1:0": { us: US_4 },
  "mistral.pixtral-large-2502-v1:0": { us: US, eu: EU_SMALL },
  "moonshotai.kimi-k3": { us: US_CANADA_WEST, in: INDIA },
  "openai.gpt-5.6-luna": { us: US_CANADA_WEST, in: INDIA },
  "openai.gpt-5.6-sol": { us: US_CANADA_WEST },
  "openai.gpt-5.6-terra": { us: US_CANADA_WEST, in: INDIA },
  "openai.gpt-6-astra": { us: US_CANADA_WEST },
  "openai.gpt-6-luna": { us: US_CANADA_WEST },
  "openai.gpt-6-sol": { us: US_CANADA_WEST },
  "openai.gpt-6.1-sol": { us: US_CANADA_WEST },
  "openai.gpt-6.1-terra": { us: US_CANADA_WEST },
  "xai.grok-4.6": { us: US_CANADA_WEST },
  "xai.grok-4.7": { us: US_CANADA_WEST },
  "zai.glm-5.3": { us: US_4 },
};

/** Destinations by source region, each list sorted. */
export type Destinations = ReadonlyMap<string, readonly string[]>;

/** Every profile known here, by id, such as `eu.amazon.nova-pro-v1:0`. `global.` profiles need no list. */
export const KNOWN_PROFILES: ReadonlyMap<string, Destinations> = new Map(
  Object.entries(ROUTES).flatMap(([model, byPrefix]) =>
    Object.entries(byPrefix).map(([prefix, route]) => [`${prefix}.${model}`, destinationsOf(route)] as const),
  ),
);

function destinationsOf({ to, from }: Route): Destinations {
  return new Map(
    Object.entries(from).map(([source, more]) => [source, [...new Set([...words(to), source, ...words(more)])].sort()]),
  );
}

function words(text: string): string[] {
  return text.split(" ").filter(Boolean);
}
