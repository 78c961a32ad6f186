import { Duration, SecretValue, Stack } from "aws-cdk-lib";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";
import { describe, expect, test } from "vitest";
import { SluiceData } from "../../lib/data.ts";
import { Sluice, type SluiceProps } from "../../lib/sluice.ts";
import { addStacks } from "../../lib/sluice-app.ts";
import { type Stage, stageOf } from "../../lib/stages.ts";
import { SynthError } from "../../lib/synth-error.ts";
import { appSource, writeApp } from "./app-files.ts";
import { ACCOUNT, CREDENTIALS, cdkApp, REGION } from "./synthesize.ts";

/** The message of the {@link SynthError} that this throws. */
function refusal(of: () => unknown): string {
  try {
    of();
  } catch (error) {
    expect(error).toBeInstanceOf(SynthError);
    return (error as Error).message;
  }
  throw new Error("it was not refused");
}

describe("on the command line", () => {
  const settings = (context: Record<string, unknown>): string => refusal(() => addStacks(cdkApp(context), CREDENTIALS));

  test("an unknown stage is refused, and the known ones are named", () => {
    expect(settings({ stage: "staging" })).toMatch(/no stage "staging".*dev, prod/);
    expect(settings({ stage: "constructor" })).toMatch(/no stage "constructor".*dev, prod/);
  });

  test("every malformed setting is named, with what was got", () => {
    const message = settings({
      instance: "Blue-1",
      logLevel: "LOUD",
      otlpEndpoint: "collector",
      alarmTopicArn: "my-topic",
      runbookUrl: "wiki",
      createApiGatewayAccountRole: "yes",
    });
    expect(message).toContain('createApiGatewayAccountRole=…: must be true or false; got "yes"');
    for (const [name, got] of [
      ["instance", "Blue-1"],
      ["logLevel", "LOUD"],
      ["otlpEndpoint", "collector"],
      ["alarmTopicArn", "my-topic"],
      ["runbookUrl", "wiki"],
      ["createApiGatewayAccountRole", "yes"],
    ]) {
      expect(message).toMatch(new RegExp(`-c ${name}=….*got "${got}"`));
    }
  });

  test("a setting that nobody knows is refused: it would be a deployment to another stage", () => {
    expect(settings({ stag: "prod" })).toMatch(/no setting -c stag=….*known are stage, instance, app/);
    expect(settings({ stag: "prod", instance: "Blue-1" })).toMatch(/instance=….*\n.*stag=…/);
  });

  test("an app that is not there is refused with its whole path", () => {
    expect(settings({ app: "nowhere/sluice.ts" })).toContain(
      `${process.cwd()}/nowhere/sluice.ts: there is no such file`,
    );
  });
});

describe("a stage", () => {
  const ours = { name: "prod", retain: true, archiveDays: 30, logRetention: 90 } satisfies Stage;
  const known = { prod: { ...ours, account: ACCOUNT, region: REGION } };

  test("is refused to credentials of another account or region", () => {
    expect(refusal(() => stageOf("prod", { account: "999999999999", region: REGION }, known))).toMatch(
      /stage prod belongs to account 111122223333.*credentials are of 999999999999/,
    );
    expect(refusal(() => stageOf("prod", { account: ACCOUNT, region: "us-west-2" }, known))).toMatch(
      /stage prod belongs to region eu-central-1.*credentials are of us-west-2/,
    );
  });

  test("is found by its own credentials, and without any", () => {
    expect(stageOf("prod", CREDENTIALS, known).account).toBe(ACCOUNT);
    expect(stageOf("prod", { account: undefined, region: undefined }, known).region).toBe(REGION);
  });

  test("is where its stacks go, also when credentials say nothing of a region", () => {
    const context = { stage: "prod", app: writeApp(appSource({})) };
    const stacks = addStacks(cdkApp(context), { account: ACCOUNT, region: undefined }, known);
    for (const { account, region } of Object.values(stacks)) expect([account, region]).toEqual([ACCOUNT, REGION]);
  });

  test("of no account is found by any credentials", () => {
    expect(stageOf("prod", { account: "999999999999", region: "us-west-2" }, { prod: ours })).toBe(ours);
  });
});

describe("given to the construct", () => {
  const app = (options = {}): string => writeApp(appSource({ capabilities: { echo: { usesModel: true } }, options }));
  const construct = (props: Partial<SluiceProps>): Sluice => {
    const stack = new Stack(cdkApp(), "Mine", { env: { account: ACCOUNT, region: REGION } });
    return new Sluice(stack, "Ai", { app: app(), ...props });
  };

  test.each([
    ["a model of no known form", "gpt-5"],
    ["a provider that nobody knows", "closedai:gpt"],
  ])("%s is refused, and the forms are named", (_, model) => {
    const message = refusal(() => construct({ model }));
    expect(message).toContain(JSON.stringify(model));
    for (const form of ["embedded:", "bedrock:", "openai:", "anthropic:"]) expect(message).toContain(form);
  });

  test("a model of no known form in the app itself is refused", () => {
    expect(refusal(() => construct({ app: app({ models: ["gpt-5"] }) }))).toContain('"gpt-5"');
  });

  test("a Bedrock profile whose regions nobody knows is refused", () => {
    expect(refusal(() => construct({ model: "bedrock:eu.acme.unheard-of-v1:0" }))).toContain("inferenceProfiles");
  });

  test("a relative path of an app is refused", () => {
    expect(refusal(() => construct({ app: "./sluice.ts" }))).toContain("absolute path");
  });

  test("a secret that no capability uses is refused, and the used ones are named", () => {
    const stack = new Stack(cdkApp(), "Mine", { env: { account: ACCOUNT, region: REGION } });
    const secret = new Secret(stack, "Key", { secretStringValue: SecretValue.unsafePlainText("-") });
    const given = { app: app(), model: "openai:gpt-5", secrets: { OPENAI_KEY: secret } };
    expect(refusal(() => new Sluice(stack, "Ai", given))).toBe(
      "secrets has OPENAI_KEY, which no capability uses; used are OPENAI_API_KEY",
    );
  });

  test("a bucket that forgets before jobs do is refused, and the days are named", () => {
    const stack = new Stack(cdkApp(), "Mine");
    const data = new SluiceData(stack, "Data", { objectRetention: Duration.days(10) });
    const needy = app({ retentionMs: 90 * 86_400_000 });
    expect(refusal(() => new Sluice(stack, "Ai", { app: needy, data }))).toMatch(
      /kept for 10 days, .* may need them for 105: .*Duration\.days\(105\)/,
    );
  });

  test.each(["", "my stage", "größe", "a".repeat(129)])("stage %j is refused, and what it may be is named", (stage) => {
    const message = refusal(() => construct({ stage }));
    expect(message).toBe(
      `stage must be 1 to 128 characters of A-Z, a-z, 0-9, '.', '_' or '-'; got ${JSON.stringify(stage)}`,
    );
  });

  test("an id that leaves outputs without a name of their own is refused", () => {
    const stack = new Stack(cdkApp(), "Mine");
    expect(refusal(() => new Sluice(stack, "日本", { app: app() }))).toMatch(/must have a letter.*got "日本"/);
  });

  test.each([-0.1, 1.5, Number.NaN])("a share of traces of %d is refused", (traceRatio) => {
    expect(refusal(() => construct({ traceRatio }))).toBe(`traceRatio must be from 0 to 1; got ${traceRatio}`);
  });

  test("a worker of a capability that the app does not have is refused, and the others are named", () => {
    expect(refusal(() => construct({}).worker("unknown"))).toBe('the app has no capability "unknown"; it has echo');
  });
});
