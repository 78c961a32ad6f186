import { isDeepStrictEqual } from "node:util";
import { Stack } from "aws-cdk-lib";
import { beforeAll, describe, expect, test } from "vitest";
import { GRADUAL_DEPLOYMENT_NAMES, type GradualDeployment } from "../../lib/gradual-deployment.ts";
import { Sluice } from "../../lib/sluice.ts";
import { appSource, writeApp } from "./app-files.ts";
import { cdkApp, labelled, type Resource, type Synthesized, synthesize } from "./synthesize.ts";

const CANARY = "LambdaCanary10Percent5Minutes";
const ADDED = ["Version", "Alias"].map((name) => `AWS::Lambda::${name}`);
const CODE_DEPLOY = ["Application", "DeploymentConfig", "DeploymentGroup"].map((name) => `AWS::CodeDeploy::${name}`);
const API = [
  "Submit",
  "Jobs",
  "Events",
  "Commands",
  "DeadLetters",
  "Capabilities",
  "OpenApi",
  "Health",
  "WebhookEndpoints",
  "Tickets",
].map((name) => `Sluice/Api/${name}`);
const AUTHORIZER = "Sluice/Api/AuthorizerFunction";
const SOCKETS = ["Sluice/Sockets/Socket", "Sluice/Sockets/Delivery"];
const RECONCILER = "Sluice/Operations/Reconciler";
const LINES = ["Sluice/Pipeline/Capability-echo", "Sluice/Pipeline/Workflow-main"];
const WORKERS = LINES.map((line) => `${line}/Worker`);
const [CAPABILITY = "", ADVANCE = ""] = WORKERS;
const SENDER = "Sluice/Pipeline/Webhooks/Worker";
const RELEASED = [...API, AUTHORIZER, CAPABILITY, SENDER, ...SOCKETS].sort();
const WRITERS = ["Submit", "Commands", "DeadLetters"].map((name) => `Sluice/Api/${name}`).concat(CAPABILITY);
/** They have new code at once. */
const NEWEST = [RECONCILER, ADVANCE];

const withSetting = (gradualDeployment?: GradualDeployment, parts: Parameters<typeof appSource>[0] = {}): Synthesized =>
  synthesize({ context: { app: writeApp(appSource(parts)), ...(gradualDeployment ? { gradualDeployment } : {}) } });

let off: Synthesized;
let on: Synthesized;
beforeAll(() => {
  off = withSetting();
  on = withSetting(CANARY);
});

/** The functions and aliases that are called: by methods and routes of the APIs, their authorizers, queues and the schedule. */
function called({ app }: Synthesized): string[] {
  const properties = (type: string) => app.ofType(type).map((resource) => resource.properties);
  const callers = [
    ...properties("AWS::ApiGateway::Method").map(({ Integration }) => Integration.Uri),
    ...properties("AWS::ApiGateway::Authorizer").map(({ AuthorizerUri }) => AuthorizerUri),
    ...properties("AWS::ApiGatewayV2::Integration").map(({ IntegrationUri }) => IntegrationUri),
    ...properties("AWS::ApiGatewayV2::Authorizer").map(({ AuthorizerUri }) => AuthorizerUri),
    ...properties("AWS::Lambda::EventSourceMapping").map(({ FunctionName }) => FunctionName),
    ...properties("AWS::Events::Rule").flatMap(({ ScheduleExpression, Targets }) =>
      ScheduleExpression ? Targets : [],
    ),
  ];
  const referred = callers.flatMap((caller) => JSON.stringify(caller).match(/(?<=")Sluice\w+(?=")/g) ?? []);
  return [...new Set(referred)].map((id) => app.byId(id)?.path ?? id).sort();
}

describe("without the setting", () => {
  test("there is no version, no alias, no CodeDeploy and no alarm for one", () => {
    for (const type of [...ADDED, ...CODE_DEPLOY]) expect([type, off.app.ofType(type)]).toEqual([type, []]);
    expect(
      off.app.resources.filter(({ path }) => /ErrorsAlarm|NewDeadLetters/.test(path)).map(({ path }) => path),
    ).toEqual(["Sluice/Operations/ReconcilerErrorsAlarm", "Sluice/Operations/ServerErrorsAlarm"]);
  });

  test("functions are called by themselves", () => {
    expect(called(off)).toEqual([...RELEASED, ...NEWEST].sort());
  });
});

test("with it all else stays as it was: what is there is added to, and what calls functions is changed", () => {
  const kept = (of: Synthesized): Map<string, Resource> => new Map(of.app.resources.map((each) => [each.path, each]));
  const before = kept(off);
  const after = kept(on);
  const changed = [...before].filter(
    ([path, { properties }]) => !isDeepStrictEqual(properties, after.get(path)?.properties),
  );
  expect(new Set(changed.map(([, { type }]) => type))).toEqual(
    new Set([
      "AWS::ApiGateway::Authorizer",
      "AWS::ApiGateway::Method",
      "AWS::ApiGateway::Stage",
      "AWS::ApiGatewayV2::Authorizer",
      "AWS::ApiGatewayV2::Integration",
      "AWS::Lambda::EventSourceMapping",
      "AWS::Lambda::Permission",
    ]),
  );
});

describe("with it", () => {
  test("what calls a function calls its version that is live; advance and the reconciler, which must be the newest, themselves", () => {
    expect(called(on)).toEqual([...RELEASED.map((fn) => `${fn}/Live`), ...NEWEST].sort());
    const aliases = on.app.ofType("AWS::Lambda::Alias");
    expect(aliases.map(({ path }) => path.replace(/\/Live$/, "")).sort()).toEqual(RELEASED);
    for (const { path, properties } of aliases) {
      const fn = path.replace(/\/Live$/, "");
      expect(labelled(on, properties)).toEqual({
        Name: "live",
        FunctionName: `<${fn}>`,
        FunctionVersion: `<${fn}/CurrentVersion>.Version`,
      });
    }
  });

  test("one application of CodeDeploy brings each alias to its new version", () => {
    expect(on.app.ofType("AWS::CodeDeploy::Application")).toHaveLength(1);
    expect(on.app.ofType("AWS::CodeDeploy::DeploymentGroup")).toHaveLength(RELEASED.length);
    for (const { id, path } of on.app.ofType("AWS::Lambda::Alias")) {
      expect(labelled(on, on.app.json.Resources[id].UpdatePolicy)).toEqual({
        CodeDeployLambdaAliasUpdate: {
          ApplicationName: "<Sluice/Releases/Application>",
          DeploymentGroupName: `<${path.replace(/Live$/, "Deployments")}>`,
        },
      });
    }
  });

  test("each is shifted as the setting says", () => {
    for (const fn of RELEASED) {
      const { DeploymentConfigName } = on.app.at(`${fn}/Deployments`).properties;
      expect([fn, DeploymentConfigName]).toEqual([fn, `CodeDeployDefault.${CANARY}`]);
    }
    expect(on.app.ofType("AWS::CodeDeploy::DeploymentConfig")).toEqual([]);
  });

  test("the function's errors roll it back, what a worker gives up does, a workflow that throws, and 5XX of the API for what is behind it", () => {
    const [ofCapability, ofWorkflow] = LINES.map((line) => `<${line}/NewDeadLettersAlarm>`);
    const serverErrors = "<Sluice/Operations/ServerErrorsAlarm>";
    const more = new Map<string, (string | undefined)[]>(WRITERS.map((fn) => [fn, [ofWorkflow, serverErrors]])).set(
      CAPABILITY,
      [ofCapability, ofWorkflow],
    );
    more.set(SENDER, []);
    for (const fn of RELEASED) {
      const { AlarmConfiguration, AutoRollbackConfiguration } = on.app.at(`${fn}/Deployments`).properties;
      const names = (labelled(on, AlarmConfiguration.Alarms) as { Name: string }[]).map(({ Name }) => Name);
      expect([fn, AlarmConfiguration.Enabled, names]).toEqual([
        fn,
        true,
        [`<${fn}/ErrorsAlarm>`, ...(more.get(fn) ?? [serverErrors])],
      ]);
      expect(AutoRollbackConfiguration).toEqual({
        Enabled: true,
        Events: ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"],
      });
    }
  });

  test("dead letters that wait already do not count, those that come do", () => {
    for (const line of LINES) {
      const { MetricName, Statistic, Dimensions } = on.app.at(`${line}/NewDeadLettersAlarm`).properties;
      expect([MetricName, Statistic]).toEqual(["NumberOfMessagesSent", "Sum"]);
      expect(labelled(on, Dimensions)).toEqual([{ Name: "QueueName", Value: `<${line}/Topic/DeadLetters>.QueueName` }]);
    }
  });

  test("a new number of the deployment is a new version of all that writes under it, and of nothing else", () => {
    const secrets = { echo: { secrets: ["SEARCH_KEY"] } };
    const other = withSetting(CANARY, { capabilities: secrets });
    const versions = (of: Synthesized): Map<string, string> =>
      new Map(of.app.ofType("AWS::Lambda::Version").map(({ path, id }) => [path.replace(/\/CurrentVersion$/, ""), id]));
    const [before, after] = [versions(on), versions(other)];
    const changed = RELEASED.filter((fn) => before.get(fn) !== after.get(fn));
    expect(changed).toEqual([...WRITERS].sort());
    expect(versions(withSetting(CANARY))).toEqual(before);
  });
});

test("all at once there is nothing to watch, and no alarm holds a deployment up", () => {
  const { app } = withSetting("LambdaAllAtOnce");
  expect(app.ofType("AWS::CodeDeploy::DeploymentConfig")).toEqual([]);
  for (const { properties } of app.ofType("AWS::CodeDeploy::DeploymentGroup")) {
    expect(properties.DeploymentConfigName).toBe("CodeDeployDefault.LambdaAllAtOnce");
    expect(properties.AlarmConfiguration?.Alarms ?? []).toEqual([]);
  }
});

describe("a configuration that CodeDeploy does not have is refused, and the message names those that it has", () => {
  const all = new RegExp(GRADUAL_DEPLOYMENT_NAMES.join(".*"));

  test("as a setting", () => {
    const context = { gradualDeployment: "LambdaCanary10Percent5Minute" };
    expect(() => synthesize({ context })).toThrow(/^-c gradualDeployment=….*got "LambdaCanary10Percent5Minute"/);
    expect(() => synthesize({ context })).toThrow(all);
  });

  test("as a prop", () => {
    const make = (gradualDeployment: string) => () =>
      new Sluice(new Stack(cdkApp(), "Mine"), "Ai", {
        app: writeApp(appSource({})),
        gradualDeployment: gradualDeployment as GradualDeployment,
      });
    expect(make("constructor")).toThrow(/^gradualDeployment must be one of .*got "constructor"/);
    expect(make("Canary")).toThrow(all);
  });
});

test("one stack holds 12 capabilities and workflows together: 500 resources, of which each has up to five more", () => {
  const names = (letter: string, count: number) => Array.from({ length: count }, (_, n) => `${letter}${n}`);
  const { app } = withSetting(CANARY, {
    capabilities: Object.fromEntries(names("c", 8).map((name) => [name, {}])),
    workflows: names("w", 4),
  });
  expect(app.resources.length).toBeLessThanOrEqual(500);
});
