import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CdkProject } from "./cdk-project.ts";

let project: CdkProject;
beforeEach(() => {
  project = new CdkProject();
});
afterEach(() => project[Symbol.dispose]());

const FAKE_OUTPUTS = JSON.stringify({
  "sluice-blue-prod-app": {
    SluiceApiUrl: "https://abc.execute-api.eu-central-1.amazonaws.com/api/",
    SluiceKeysSecretArn: "arn:aws:secretsmanager:eu-central-1:111122223333:secret:keys",
    SluiceBucketName: "bucket",
    SluiceRegion: "eu-central-1",
  },
});
const deploy = (flags: readonly string[], env: NodeJS.ProcessEnv = { FAKE_OUTPUTS }) =>
  project.run("deploy.ts", flags, { env });

describe("npm run deploy", () => {
  test("deploys both stacks of the stage with the settings given, its outputs in a file of its name, and says what is next", async () => {
    const { code, stdout, stderr } = await deploy(["-c", "stage=prod", "--context=instance=blue", "-c=logLevel=DEBUG"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const context = ["-c", "stage=prod", "-c", "instance=blue", "-c", "logLevel=DEBUG"];
    expect(project.calls).toEqual([["deploy", "--all", ...context, "--outputs-file", "outputs.blue-prod.json"]]);
    expect(stdout).toContain("Instance blue-prod is at https://abc.execute-api.eu-central-1.amazonaws.com/api/");
    expect(stdout).toContain("npm run smoke -- --outputs outputs.blue-prod.json");
    expect(stdout).toContain("npm run key -- --outputs outputs.blue-prod.json");
  });

  test("without settings deploys dev; --yes asks for no approval; all other flags are the CDK's", async () => {
    await deploy(["--profile", "work", "--yes", "-vv", "--outputs-file", "mine.json", "--no-rollback"]);
    const ours = ["-c", "stage=dev", "--outputs-file", "mine.json", "--require-approval", "never"];
    expect(project.calls).toEqual([["deploy", "--all", ...ours, "--profile", "work", "-vv", "--no-rollback"]]);
  });

  test("names the outputs by the stage that the CDK takes from its files", async () => {
    project.write("cdk.json", { context: { stage: "prod", "@aws-cdk/aws-iam:minimizePolicies": true } });
    await deploy([]);
    project.write("cdk.context.json", { instance: "green", "acknowledged-issue-numbers": [1], "vpc-provider:x": {} });
    await deploy(["-c", "stage=dev", "-c", "@aws-cdk/core:bootstrapQualifier=mine"]);
    expect(project.calls.map((args) => args[args.indexOf("--outputs-file") + 1])).toEqual([
      "outputs.prod.json",
      "outputs.green-dev.json",
    ]);
    expect(project.calls[1]).toContain("@aws-cdk/core:bootstrapQualifier=mine");
  });

  test.each([
    [["-c", "stag=prod"], "there is no setting -c stag=…; known are stage, instance, app, model,"],
    [
      ["-c", "instance=Blue"],
      '-c instance=…: must be up to 16 lower-case letters and digits, the first a letter; got "Blue"',
    ],
    [["-c", "stage=staging"], 'there is no stage "staging"; lib/stages.ts has dev, prod'],
    [["-c", "model=gpt5"], 'unknown model "gpt5": it names no provider. A model is named bedrock:ID, openai:ID,'],
    [["-c", "stage"], '-c takes NAME=VALUE, such as -c stage=dev; got "stage"'],
    [["--yes", "-c"], "-c takes a value"],
  ])("%j is refused before the CDK is started", async (flags, said) => {
    const { code, stdout, stderr } = await deploy(flags);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(said);
    expect(stderr).not.toContain("    at ");
    expect(project.calls).toEqual([]);
  });

  test("flags that npm took for its own, since -- was forgotten, are not passed over", async () => {
    const { code, stderr } = await deploy([], { npm_config_call: "stage=prod" });
    expect(code).toBe(1);
    expect(stderr).toContain("write -- before the flags, as in npm run deploy -- -c stage=prod");
    expect(project.calls).toEqual([]);
  });

  test("says what is odd about the outputs of a deployment that succeeded", async () => {
    const none = await deploy([], {});
    expect(none).toMatchObject({ code: 0, stdout: "\nThe CDK is done. It wrote no outputs to outputs.dev.json.\n" });
    const other = await deploy([], { FAKE_OUTPUTS: '{"Stack":{}}' });
    expect(other.code).toBe(0);
    expect(other.stdout).toContain("The CDK is done. outputs.dev.json has no outputs of an instance");
  });

  test("ends as the CDK does, with what first deployments stumble over", async () => {
    const settings = ["-c", "createApiGatewayAccountRole=false", "-c", "stage=prod"];
    const { code, stdout, stderr } = await deploy(settings, { FAKE_STATUS: "3" });
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain("npm run deploy -- -c stage=prod -c createApiGatewayAccountRole=true");
    expect(stderr).toContain("npx cdk bootstrap");
    expect(stderr).toContain("npm run deploy -- -c stage=prod --yes");
    expect(stderr).toContain("npm run doctor -- -c stage=prod -c createApiGatewayAccountRole=false");
  });
});
