import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { App, Stack, Stage } from "aws-cdk-lib";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { Topic } from "aws-cdk-lib/aws-sns";
import { beforeAll, describe, expect, test } from "vitest";
import { Sluice, type SluiceProps } from "../../lib/index.ts";
import { readOutputs } from "../../tools/read-outputs.ts";
import { appFolder, appSource, writeApp } from "./app-files.ts";
import { cdkApp, labelled, SynthesizedStack, synthesize } from "./synthesize.ts";

let app: string;
beforeAll(() => {
  app = writeApp(appSource({ capabilities: { summarise: {} } }));
});

const names = (stack: SynthesizedStack): string[] =>
  stack.ofType("AWS::SQS::Queue").flatMap(({ properties }) => properties.QueueName ?? []);

describe("in a stack of a user's own, whose app knows nothing of our flags,", () => {
  const embed = (id: string, props: Partial<SluiceProps> = {}): SynthesizedStack => {
    const stack = new Stack(new App({ context: { "aws:cdk:bundling-stacks": [] } }), "Mine");
    const sluice = new Sluice(stack, id, { app, ...props });
    new Bucket(stack, "Theirs").grantRead(sluice.worker("summarise"));
    return new SynthesizedStack(stack);
  };

  test("an instance brings its own data, which stays when the stack goes", () => {
    const mine = embed("Ai");
    expect(mine.ofType("AWS::DynamoDB::GlobalTable")).toHaveLength(1);
    for (const path of ["Ai/Data/Table", "Ai/Data/Bucket", "Ai/Data/Keys"]) {
      expect([path, mine.at(path).deletionPolicy]).toEqual([path, "Retain"]);
    }
    expect(mine.at("Ai/Data/Table").properties.Replicas[0].DeletionProtectionEnabled).toBe(true);
  });

  test("a worker takes grants, and it alone", () => {
    const mine = embed("Ai");
    const granted = mine
      .ofType("AWS::IAM::Policy")
      .filter(({ properties }) => JSON.stringify(properties).includes(mine.at("Theirs").id))
      .map(({ path }) => path);
    expect(granted).toEqual(["Ai/Pipeline/Capability-summarise/WorkerRole/DefaultPolicy"]);
  });

  test("a worker takes variables, and it alone", () => {
    const stack = new Stack(cdkApp(), "Mine");
    new Sluice(stack, "Ai", { app }).worker("summarise").addEnvironment("TABLE", "theirs");
    const told = new SynthesizedStack(stack)
      .ofType("AWS::Lambda::Function")
      .filter(({ properties }) => properties.Environment?.Variables.TABLE === "theirs")
      .map(({ path }) => path);
    expect(told).toEqual(["Ai/Pipeline/Capability-summarise/Worker"]);
  });

  test("an instance is called by its place, unless it is told its name", () => {
    const stageOf = (stack: SynthesizedStack, id = "Ai"): string =>
      stack.at(`${id}/Api/Submit`).properties.Environment.Variables.SLUICE_STAGE;
    expect(stageOf(embed("Ai"))).toBe("Mine-Ai");
    expect(stageOf(embed("Größte Ai"), "Größte Ai")).toBe("Mine-Gr-te-Ai");
    expect(stageOf(embed("Ai", { stage: "mine" }))).toBe("mine");
  });

  test("its outputs are what the tools read", () => {
    const mine = embed("My-Ai");
    const outputs = Object.fromEntries(
      Object.keys(mine.json.Outputs).map((key) => [
        key,
        {
          MyAiApiUrl: "https://abc.execute-api.eu-central-1.amazonaws.com/api/",
          MyAiSocketUrl: "wss://def.execute-api.eu-central-1.amazonaws.com/live",
          MyAiKeysSecretArn: "arn:aws:secretsmanager:eu-central-1:111122223333:secret:keys",
          MyAiBucketName: "mine-bucket",
          MyAiRegion: "eu-central-1",
        }[key] ?? "",
      ]),
    );
    const file = join(appFolder(), "outputs.json");
    writeFileSync(file, JSON.stringify({ Mine: outputs }));
    expect(readOutputs(file)).toMatchObject({ BucketName: "mine-bucket", Region: "eu-central-1" });
  });

  test("alarms go to whom the user says", () => {
    const stack = new Stack(cdkApp(), "Mine");
    const topic = new Topic(stack, "OnCall");
    new Sluice(stack, "Ai", {
      app,
      alarmActions: [{ bind: () => ({ alarmActionArn: topic.topicArn }) }],
    });
    const mine = new SynthesizedStack(stack);
    for (const { properties } of mine.ofType("AWS::CloudWatch::Alarm")) {
      expect(labelled({ app: mine, data: mine }, properties.AlarmActions)).toEqual(["<OnCall>"]);
    }
  });
});

describe("several instances", () => {
  test("in one stack share no queue, no output and no logical id", () => {
    const stack = new Stack(cdkApp(), "Mine");
    for (const id of ["Blue", "Green"]) new Sluice(stack, id, { app });
    const mine = new SynthesizedStack(stack);
    expect(new Set(names(mine)).size).toBe(names(mine).length);
    expect(names(mine)).toHaveLength(12);
    expect(Object.keys(mine.json.Outputs)).toEqual(expect.arrayContaining(["BlueApiUrl", "GreenApiUrl"]));
    const apis = mine.ofType("AWS::ApiGateway::RestApi").map(({ properties }) => properties.Name);
    expect(new Set(apis).size).toBe(2);
  });

  test("of one id in two stacks, or in two stages of one app, share no queue", () => {
    const root = cdkApp();
    const stacks = [new Stack(root, "One"), new Stack(root, "Two"), new Stack(new Stage(root, "Beta"), "One")];
    for (const stack of stacks) new Sluice(stack, "Ai", { app });
    const all = stacks.flatMap((stack) => names(new SynthesizedStack(stack)));
    expect(new Set(all).size).toBe(all.length);
    for (const name of all) expect(name).toMatch(/^[\w-]{1,80}$/);
  });

  test("of a stage, by -c instance=…, share no stack, no queue, no bus and no API's name", () => {
    const [one, blue] = [synthesize({ context: { app } }), synthesize({ context: { app, instance: "blue" } })];
    expect([one.data, one.app, blue.data, blue.app].map(({ stack }) => stack.stackName)).toEqual([
      "sluice-dev-data",
      "sluice-dev-app",
      "sluice-blue-dev-data",
      "sluice-blue-dev-app",
    ]);
    for (const name of names(blue.app)) expect(names(one.app)).not.toContain(name);
    const of = ({ data, app: stack }: typeof one) => [
      data.at("Data/Bus").properties.Name,
      stack.at("Sluice/Api/RestApi").properties.Name,
      stack.at("Sluice/Api/Submit").properties.Environment.Variables.SLUICE_STAGE,
    ];
    for (const [n, name] of of(one).entries()) expect(of(blue)[n]).not.toBe(name);
  });

  test("of two stages share no queue either", () => {
    const [dev, prod] = [synthesize({ context: { app } }), synthesize({ context: { app, stage: "prod" } })];
    for (const name of names(prod.app)) expect(names(dev.app)).not.toContain(name);
  });
});

test("each resource that can be tagged says whose it is and of which instance", () => {
  const { data, app: stack } = synthesize({ context: { app, instance: "blue" } });
  for (const { path, properties } of [...data.resources, ...stack.resources]) {
    const { Tags } = properties;
    if (!Array.isArray(Tags)) continue;
    expect([path, Tags]).toEqual([
      path,
      expect.arrayContaining([
        { Key: "service", Value: "sluice" },
        { Key: "stage", Value: "blue-dev" },
      ]),
    ]);
  }
});
