import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Stack, Validations } from "aws-cdk-lib";
import { FlowLog, FlowLogResourceType, Vpc } from "aws-cdk-lib/aws-ec2";
import { CfnFunction } from "aws-cdk-lib/aws-lambda";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { Sluice, type SluiceProps } from "../../lib/sluice.ts";
import { addStacks } from "../../lib/sluice-app.ts";
import { appSource, writeApp } from "./app-files.ts";
import { ACCOUNT, CREDENTIALS, cdkApp, REGION } from "./synthesize.ts";

let source: string;
beforeAll(() => {
  const capabilities = { echo: { secrets: ["SEARCH_KEY"] }, thinker: { usesModel: true } };
  source = writeApp(appSource({ capabilities }));
});

/** What cdk-nag's packs, and the CDK's own rules where its flag is set, say of an app that was not acknowledged. */
function findings(app: App): string[] {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  // It prints what it finds, and has Node end with 1.
  vi.spyOn(console, "error").mockReturnValue();
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    app.synth();
  } catch (error) {
    expect((error as Error).message).toContain("validation-report.json");
  } finally {
    process.exitCode = undefined;
    vi.restoreAllMocks();
  }
  const { pluginReports } = JSON.parse(readFileSync(join(app.outdir, "validation-report.json"), "utf8")) as {
    pluginReports: { violations: { ruleName: string; violatingConstructs: { constructPath?: string }[] }[] }[];
  };
  return pluginReports.flatMap(({ violations }) =>
    violations.flatMap(({ ruleName, violatingConstructs }) =>
      violatingConstructs.map(({ constructPath }) => `${ruleName} ${constructPath}`),
    ),
  );
}

function ownApp(app: App, props: Partial<SluiceProps> = {}): Stack {
  const stack = new Stack(app, "Mine", { env: { account: ACCOUNT, region: REGION } });
  new Sluice(stack, "Ai", { app: source, ...props });
  return stack;
}

describe("the rule packs find nothing that was not looked at", () => {
  test.each([
    ["in dev", {}],
    ["in prod", { stage: "prod" }],
    ["with a Bedrock model", { model: "bedrock:eu.amazon.nova-lite-v1:0" }],
    ["with a model that needs a key", { model: "anthropic:claude-sonnet-5-5" }],
    ["with gradual deployment", { stage: "prod", gradualDeployment: "LambdaCanary10Percent5Minutes" }],
    ["with X-Ray", { xray: "true" }],
    ["with the account's role for logs", { createApiGatewayAccountRole: "true" }],
  ])("%s", (_, context) => {
    const app = cdkApp({ app: source, ...context });
    addStacks(app, CREDENTIALS);
    expect(findings(app)).toEqual([]);
  });

  test("in a network", () => {
    const app = cdkApp();
    const stack = new Stack(app, "Network", { env: { account: ACCOUNT, region: REGION } });
    const vpc = new Vpc(stack, "Vpc", { restrictDefaultSecurityGroup: false });
    new FlowLog(stack, "FlowLog", { resourceType: FlowLogResourceType.fromVpc(vpc) });
    ownApp(app, { vpc });
    expect(findings(app)).toEqual([]);
  });

  test("in an app that has none of the CDK's newer flags", () => {
    const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
    ownApp(app, { createApiGatewayAccountRole: true });
    expect(findings(app)).toEqual([]);
  });
});

describe("they do look:", () => {
  test("a bucket of the user's own is found beside an instance", () => {
    const app = cdkApp();
    new Bucket(ownApp(app), "Careless");
    expect(findings(app)).toEqual(
      expect.arrayContaining(["AwsSolutions-S1 Mine/Careless/Resource", "AwsSolutions-S10 Mine/Careless/Resource"]),
    );
  });

  test("a wildcard that a capability's permissions have is found", () => {
    const permissions = [{ actions: ["s3:GetObject"], resources: ["*"] }];
    const app = cdkApp();
    ownApp(app, { app: writeApp(appSource({ capabilities: { greedy: { permissions } } })) });
    expect(findings(app)).toEqual([expect.stringMatching(/^AwsSolutions-IAM5\[Resource::\*\] .*Capability-greedy/)]);
  });

  test("so do the CDK's own rules", () => {
    const app = cdkApp();
    new CfnFunction(ownApp(app), "Old", {
      code: { zipFile: "-" },
      role: "no-arn",
      runtime: "nodejs12.x",
      handler: "x",
    });
    expect(findings(app).filter((finding) => !/^(AwsSolutions|Serverless)-/.test(finding))).not.toEqual([]);
  });
});
