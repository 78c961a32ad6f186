import { describe, expect, it } from "vitest";
import { type AccessStatement, accessOf, BedrockAccessError, bedrockStatements } from "../../../lib/bedrock-access.ts";
import { KNOWN_PROFILES } from "../../../lib/bedrock-profiles.ts";

const place = { partition: "aws", region: "us-east-1", account: "111122223333" };
const inRegion = (region: string) => ({ ...place, region });
/** As the CDK writes a value that only CloudFormation knows. */
const token = (name: string): string => `\${Token[${name}.1]}`;
const tokens = { partition: token("AWS.Partition"), region: token("AWS.Region"), account: token("AWS.AccountId") };
const actions = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"];
const model = (region: string, id: string) => `arn:aws:bedrock:${region}::foundation-model/${id}`;
const profile = (region: string, id: string) => `arn:aws:bedrock:${region}:111122223333:inference-profile/${id}`;
const through = (arn: string) => ({ StringEquals: { "bedrock:InferenceProfileArn": arn } });
const APPLICATION = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3";

const SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0";

describe("the access that a Bedrock model needs", () => {
  it("is the foundation model in the worker's region, for its id and for its ARN", () => {
    const expected = [{ actions, resources: [model("us-east-1", "amazon.nova-lite-v1:0")] }];
    expect(accessOf("amazon.nova-lite-v1:0", place)).toEqual(expected);
    expect(accessOf(model("us-east-1", "amazon.nova-lite-v1:0"), place)).toEqual(expected);
  });

  it("is the profile and, through it only, the model in each destination region", () => {
    const arn = profile("us-east-1", `us.${SONNET}`);
    const expected = [
      { actions, resources: [arn] },
      {
        actions,
        resources: ["us-east-1", "us-east-2", "us-west-2"].map((region) => model(region, SONNET)),
        conditions: through(arn),
      },
    ];
    expect(accessOf(`us.${SONNET}`, place)).toEqual(expected);
    expect(accessOf(arn, place)).toEqual(expected);
  });

  it.each([
    ["us-west-1", `us.${SONNET}`, "us-east-1 us-east-2 us-west-1 us-west-2"],
    ["ca-central-1", `us.${SONNET}`, "ca-central-1 us-east-1 us-east-2 us-west-2"],
    ["ap-southeast-6", `au.${SONNET}`, "ap-southeast-2 ap-southeast-4 ap-southeast-6"],
    ["ap-northeast-3", `jp.${SONNET}`, "ap-northeast-1 ap-northeast-3"],
    ["eu-west-2", `eu.${SONNET}`, "eu-central-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3"],
    ["eu-west-1", `eu.${SONNET}`, "eu-central-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-3"],
    ["eu-west-1", "eu.amazon.nova-pro-v1:0", "eu-central-1 eu-north-1 eu-west-1 eu-west-3"],
    ["eu-south-2", "eu.amazon.nova-pro-v1:0", "eu-central-1 eu-north-1 eu-south-2 eu-west-1 eu-west-3"],
    ["ca-west-1", "ca.amazon.nova-lite-v1:0", "ca-central-1 ca-west-1"],
    ["ap-south-2", "in.anthropic.claude-sonnet-5", "ap-south-1 ap-south-2"],
  ])("differs by source region: from %s, %s may reach %s", (region, id, regions) => {
    const [, models] = accessOf(id, inRegion(region));
    const bare = id.slice(id.indexOf(".") + 1);
    expect(models?.resources).toEqual(regions.split(" ").map((to) => model(to, bare)));
  });

  it("of a global profile is the model here and, without a region, wherever Bedrock takes it", () => {
    const arn = profile("us-east-1", `global.${SONNET}`);
    expect(accessOf(`global.${SONNET}`, place)).toEqual([
      { actions, resources: [arn] },
      { actions, resources: [model("us-east-1", SONNET)], conditions: through(arn) },
      {
        actions,
        resources: [`arn:aws:bedrock:::foundation-model/${SONNET}`],
        conditions: {
          StringEquals: { "bedrock:InferenceProfileArn": arn, "aws:RequestedRegion": "unspecified" },
        },
      },
    ]);
  });

  it.each(["provisioned-model/x1y2", "imported-model/x1y2", "custom-model-deployment/x1y2"])(
    "of %s is its ARN and nothing else",
    (name) => {
      const arn = `arn:aws:bedrock:us-east-1:111122223333:${name}`;
      expect(accessOf(arn, place)).toEqual([{ actions, resources: [arn] }]);
    },
  );

  it("of an application profile follows what it was copied from, or the regions given", () => {
    const models = ["us-east-1", "us-east-2", "us-west-2"].map((region) => model(region, SONNET));
    const expected = [
      { actions, resources: [APPLICATION] },
      { actions, resources: models, conditions: through(APPLICATION) },
    ];
    expect(accessOf(APPLICATION, place, { [APPLICATION]: { copyOf: `us.${SONNET}` } })).toEqual(expected);
    const given = { model: SONNET, regions: ["us-east-1", "us-east-2", "us-west-2"] };
    expect(accessOf(APPLICATION, place, { [APPLICATION]: given })).toEqual(expected);
    const [, here] = accessOf(APPLICATION, place, { [APPLICATION]: { copyOf: SONNET } });
    expect(here?.resources).toEqual([model("us-east-1", SONNET)]);
  });

  it("takes the regions given in place of the data's", () => {
    const [, models] = accessOf("sa.acme.m1", place, { "sa.acme.m1": { regions: ["us-east-1", "sa-east-1"] } });
    expect(models?.resources).toEqual([model("us-east-1", "acme.m1"), model("sa-east-1", "acme.m1")]);
  });

  it("works with tokens for models and global profiles, whose regions need not be known", () => {
    expect(accessOf(SONNET, tokens)[0]?.resources).toEqual([
      `arn:${tokens.partition}:bedrock:${tokens.region}::foundation-model/${SONNET}`,
    ]);
    expect(accessOf(`global.${SONNET}`, tokens)).toHaveLength(3);
  });
});

describe("the access that cannot be told", () => {
  it.each([
    [
      "a profile that the data lacks",
      "us.anthropic.claude-next",
      place,
      /of us\.: us\.amazon\.nova.*inferenceProfiles/,
    ],
    ["a profile of another geography", `apac.${SONNET}`, place, /known of anthropic.claude-sonnet-4-5.*: us\..*eu\./],
    ["a prefix never heard of", `latam.${SONNET}`, place, /latam.*are not known/],
    ["GovCloud", `us-gov.${SONNET}`, inRegion("us-gov-west-1"), /are not known/],
    ["a source region that does not offer it", `us.${SONNET}`, inRegion("eu-west-1"), /known: ca-central-1, us-east-1/],
    ["a region that is a token", `us.${SONNET}`, tokens, /not set at synth.*Set the stack's region/],
    ["an application profile alone", APPLICATION, place, /copyOf/],
    ["an ARN of another region", profile("us-west-2", `us.${SONNET}`), place, /is in region "us-west-2".*us-east-1/],
    ["a kind of ARN not known", "arn:aws:bedrock:us-east-1:111122223333:prompt-router/p1", place, /not known/],
    ["an ARN of another service", "arn:aws:s3:::bucket", place, /no ARN of Bedrock/],
    ["a wildcard", "anthropic.*", place, /no id of a Bedrock model/],
    ["a wildcard in an ARN", "arn:aws:bedrock:us-east-1:111122223333:inference-profile/*", place, /no ARN of Bedrock/],
  ])("is an error for %s", (_, id, where, message) => {
    expect(() => accessOf(id, where)).toThrow(BedrockAccessError);
    expect(() => accessOf(id, where)).toThrow(message);
  });

  it.each([
    [{ [APPLICATION]: { regions: ["us-east-1"] } }, /must name the foundation model/],
    [{ [APPLICATION]: { model: "anthropic.*", regions: ["us-east-1"] } }, /must name the foundation model/],
    [{ [APPLICATION]: { model: SONNET, regions: ["*"] } }, /must list regions/],
    [{ [APPLICATION]: { model: SONNET, regions: [] } }, /must list regions/],
    [{ [APPLICATION]: { copyOf: APPLICATION } }, /is a copy of a foundation model/],
  ])("is an error for %j", (profiles, message) => {
    expect(() => accessOf(APPLICATION, place, profiles)).toThrow(message);
  });
});

describe("the statements of an app", () => {
  const app = (...names: string[]) => ({ model: names[0] ?? "", models: names.slice(1) });

  it("are none without a Bedrock model", () => {
    expect(bedrockStatements(app("embedded:extractive", "openai:gpt-5"), place)).toEqual([]);
  });

  it("hold each resource once, and one statement for each condition", () => {
    const nova = "amazon.nova-lite-v1:0";
    const statements = bedrockStatements(
      app(`bedrock:us.${SONNET}`, "openai:gpt-5", `bedrock:us.${SONNET}`, `bedrock:${nova}`, `bedrock:${nova}`),
      place,
    );
    expect(statements.map(({ conditions }) => conditions)).toEqual([
      undefined,
      through(profile("us-east-1", `us.${SONNET}`)),
    ]);
    expect(statements[0]?.resources).toEqual([profile("us-east-1", `us.${SONNET}`), model("us-east-1", nova)]);
  });

  it("refuse a profile described for no model of the app, and a name of no known form", () => {
    const profiles = { "us.typo": { regions: ["us-east-1"] } };
    expect(() => bedrockStatements(app(`bedrock:us.${SONNET}`), place, profiles)).toThrow(
      /"us.typo".*no model of the app/,
    );
    expect(() => bedrockStatements(app("claude"), place)).toThrow(/unknown model/);
  });

  it("never hold a wildcard, for any known profile from any of its regions", () => {
    let pairs = 0;
    for (const [id, destinations] of KNOWN_PROFILES) {
      for (const [region, to] of destinations) {
        pairs += 1;
        const statements: AccessStatement[] = bedrockStatements(app(`bedrock:${id}`), inRegion(region));
        expect(JSON.stringify(statements)).not.toMatch(/[*?]/);
        expect(to).toContain(region);
        expect(statements[1]?.resources).toHaveLength(to.length);
      }
    }
    expect(pairs).toBeGreaterThan(400);
  });
});
