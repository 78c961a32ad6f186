import { Duration, Stack } from "aws-cdk-lib";
import { beforeAll, describe, expect, test } from "vitest";
import { SluiceData } from "../../lib/data.ts";
import { addStacks } from "../../lib/sluice-app.ts";
import { createTableInput, TABLE } from "../../src/engines/aws/table-schema.ts";
import { BOOTSTRAP_VERSION } from "../../tools/doctor/check-bootstrap.ts";
import { CREDENTIALS, cdkApp, labelled, type Synthesized, SynthesizedStack, synthesize } from "./synthesize.ts";

let dev: Synthesized;
let prod: Synthesized;
beforeAll(() => {
  dev = synthesize();
  prod = synthesize({ context: { stage: "prod" } });
});
const both = (): [string, SynthesizedStack][] => [
  ["dev", dev.data],
  ["prod", prod.data],
];
const STATEFUL = ["Data/Table", "Data/Bucket", "Data/Bus", "Data/Bus/Archive/Archive", "Data/Keys"];

/**
 * A resource whose logical id changes is another resource: what is in the old one is lost to the instance, or, in dev,
 * lost. Nothing in this list changes; a line is added for what is new.
 */
const LOCKED = {
  data: {
    "Data/Table": "DataTableFDBAD0F2",
    "Data/Bucket": "DataBucketE6B0FAA8",
    "Data/Bus": "DataBus11656D0F",
    "Data/Bus/Archive/Archive": "DataBusArchiveEFF17F4E",
    "Data/Keys": "DataKeysACA0E3B2",
  },
  app: {
    "Sluice/Pipeline/Capability-retrieval/Topic/Queue": "SluicePipelineCapabilityretrievalTopicQueueC4E81515",
    "Sluice/Pipeline/Capability-retrieval/Topic/DeadLetters":
      "SluicePipelineCapabilityretrievalTopicDeadLettersC0AF6FFB",
    "Sluice/Pipeline/Capability-retrieval/Topic/Undelivered":
      "SluicePipelineCapabilityretrievalTopicUndelivered7270A98C",
    "Sluice/Pipeline/Capability-completion/Topic/Queue": "SluicePipelineCapabilitycompletionTopicQueue88D605FC",
    "Sluice/Pipeline/Capability-completion/Topic/DeadLetters":
      "SluicePipelineCapabilitycompletionTopicDeadLettersF68F3040",
    "Sluice/Pipeline/Capability-completion/Topic/Undelivered":
      "SluicePipelineCapabilitycompletionTopicUndeliveredF7E43534",
    "Sluice/Pipeline/Capability-tool/Topic/Queue": "SluicePipelineCapabilitytoolTopicQueueBE6CE35F",
    "Sluice/Pipeline/Capability-tool/Topic/DeadLetters": "SluicePipelineCapabilitytoolTopicDeadLettersE701DAC3",
    "Sluice/Pipeline/Capability-tool/Topic/Undelivered": "SluicePipelineCapabilitytoolTopicUndeliveredF235303F",
    "Sluice/Pipeline/Workflow-analysis/Topic/Queue": "SluicePipelineWorkflowanalysisTopicQueue58A682A6",
    "Sluice/Pipeline/Workflow-analysis/Topic/DeadLetters": "SluicePipelineWorkflowanalysisTopicDeadLettersC8FBAEEA",
    "Sluice/Pipeline/Workflow-analysis/Topic/Undelivered": "SluicePipelineWorkflowanalysisTopicUndelivered7D19AE30",
    "Sluice/Pipeline/Webhooks/Topic/Queue": "SluicePipelineWebhooksTopicQueueE5CC1F45",
    "Sluice/Pipeline/Webhooks/Topic/DeadLetters": "SluicePipelineWebhooksTopicDeadLetters2584F323",
    "Sluice/Pipeline/Webhooks/Topic/Undelivered": "SluicePipelineWebhooksTopicUndeliveredDB5D8472",
    "Sluice/Sockets/Queue": "SluiceSocketsQueueBEB60522",
    "Sluice/Sockets/DeadLetters": "SluiceSocketsDeadLetters9DEE0FD4",
  },
} as const;

describe("what holds state keeps its logical id", () => {
  test.each(["dev", "prod"])("in %s", (stage) => {
    const { data, app } = stage === "dev" ? dev : prod;
    const ids = (stack: SynthesizedStack, types: readonly string[]): Record<string, string> =>
      Object.fromEntries(
        stack.resources.filter(({ type }) => types.includes(type)).map(({ path, id }) => [path, id] as const),
      );
    const stateful = [
      "AWS::DynamoDB::GlobalTable",
      "AWS::S3::Bucket",
      "AWS::Events::EventBus",
      "AWS::Events::Archive",
      "AWS::SecretsManager::Secret",
    ];
    expect(ids(data, stateful)).toEqual(LOCKED.data);
    expect(ids(app, [...stateful, "AWS::SQS::Queue"])).toEqual(LOCKED.app);
  });

  test("and queues keep their names, by which functions find them", () => {
    const names = dev.app.ofType("AWS::SQS::Queue").flatMap(({ properties }) => properties.QueueName ?? []);
    expect(names.map((name) => name.replace(/^sluicede-Sluice-5BCA8D10-/, ""))).toEqual([
      "retrieval_dead",
      "retrieval",
      "completion_dead",
      "completion",
      "tool_dead",
      "tool",
      "analysis_advance_dead",
      "analysis_advance",
      "webhooks_dead",
      "webhooks",
    ]);
  });
});

/**
 * CloudFormation refuses to take an export away while a deployed App stack imports it, and the Data stack is deployed
 * first: one that code no longer uses stays, by `exportValue` in the Data stack.
 */
test("what a deployed App stack imports of the Data stack stays exported, and the other way round nothing is", () => {
  for (const { data, app } of [dev, prod]) {
    expect(Object.keys(data.json.Outputs).sort()).toEqual([
      "ExportsOutputFnGetAttDataBucketE6B0FAA8Arn3FF3A9FF",
      "ExportsOutputFnGetAttDataBus11656D0FArnF37C5323",
      "ExportsOutputFnGetAttDataTableFDBAD0F2Arn2713A995",
      "ExportsOutputRefDataBucketE6B0FAA83794BF10",
      "ExportsOutputRefDataBus11656D0FCB2DF814",
      "ExportsOutputRefDataKeysACA0E3B21A67D079",
      "ExportsOutputRefDataTableFDBAD0F2E871BBD6",
    ]);
    const exported = Object.values(app.json.Outputs as Record<string, { Export?: unknown }>).filter((o) => o.Export);
    expect(exported).toEqual([]);
  }
});

test("the doctor asks for the CDK's resources in the version that these stacks need", () => {
  const app = cdkApp();
  addStacks(app, CREDENTIALS);
  for (const { requiresBootstrapStackVersion, lookupRole } of app.synth().stacks) {
    expect({ stacks: requiresBootstrapStackVersion, lookups: lookupRole?.requiresBootstrapStackVersion }).toEqual(
      BOOTSTRAP_VERSION,
    );
  }
});

test("in prod the Data stack cannot be deleted by mistake; the App stack, which holds nothing, can", () => {
  expect([prod.data, prod.app, dev.data].map(({ stack }) => stack.terminationProtection)).toEqual([true, false, false]);
});

describe("the table", () => {
  test("has the keys and indexes that the engine's own schema says, here and on a local server", () => {
    const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes, BillingMode } = createTableInput("any");
    for (const [, data] of both()) {
      const { properties } = data.at("Data/Table");
      expect(properties).toMatchObject({ KeySchema, BillingMode, GlobalSecondaryIndexes });
      const byName = (list: { AttributeName?: string }[] = []) =>
        [...list].sort((a, b) => String(a.AttributeName).localeCompare(String(b.AttributeName)));
      expect(byName(properties.AttributeDefinitions)).toEqual(byName(AttributeDefinitions));
    }
  });

  test("forgets jobs by their own time, can be set back to any minute, and is not deleted by mistake in prod", () => {
    for (const [stage, data] of both()) {
      const { properties } = data.at("Data/Table");
      expect(properties.TimeToLiveSpecification).toEqual({ AttributeName: TABLE.timeToLive, Enabled: true });
      expect(properties.Replicas).toHaveLength(1);
      expect(properties.Replicas[0]).toMatchObject({
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: stage === "prod",
      });
    }
  });
});

describe("the bucket", () => {
  test("is private, encrypted, and speaks TLS only", () => {
    for (const [, data] of both()) {
      const { properties } = data.at("Data/Bucket");
      expect(properties.PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(properties.BucketEncryption.ServerSideEncryptionConfiguration).toEqual([
        { ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } },
      ]);
      const [first] = data.at("Data/Bucket/Policy").properties.PolicyDocument.Statement;
      expect(first).toMatchObject({
        Effect: "Deny",
        Action: "s3:*",
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      });
    }
  });

  test("deletes objects of jobs, and no others, when no job can need them any more", () => {
    for (const [, data] of both()) {
      expect(data.at("Data/Bucket").properties.LifecycleConfiguration.Rules).toEqual([
        { Prefix: "jobs/", ExpirationInDays: 45, Status: "Enabled" },
        { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: "Enabled" },
      ]);
    }
  });
});

test("the archive keeps what Sluice published, and nothing that others put on the bus, for the stage's time", () => {
  for (const [, data] of both()) {
    expect(data.at("Data/Bus/Archive/Archive").properties).toMatchObject({
      EventPattern: { source: ["sluice"] },
      RetentionDays: 30,
    });
  }
});

test("archive and objects of jobs are kept for as long as the data says", () => {
  const stack = new Stack(cdkApp(), "Own");
  new SluiceData(stack, "Data", { archiveRetention: Duration.days(90), objectRetention: Duration.days(60) });
  const own = new SynthesizedStack(stack);
  expect(own.at("Data/Bus/Archive/Archive").properties.RetentionDays).toBe(90);
  const [ofJobs] = own.at("Data/Bucket").properties.LifecycleConfiguration.Rules;
  expect(ofJobs).toMatchObject({ Prefix: "jobs/", ExpirationInDays: 60 });
});

test("the keys' secret begins with no key at all: nobody gets in", () => {
  for (const [, data] of both()) {
    const { properties } = data.at("Data/Keys");
    expect(properties.SecretString).toBe('{"keys":[]}');
    expect(properties).not.toHaveProperty("GenerateSecretString");
  }
});

describe("when its stack is removed", () => {
  test("data stays in prod, and the stack itself cannot be deleted by mistake", () => {
    expect(prod.data.stack.terminationProtection).toBe(true);
    expect(STATEFUL.map((path) => prod.data.at(path).deletionPolicy)).toEqual([
      "Retain",
      "Retain",
      // These would keep their names from a second try of a first deployment.
      "RetainExceptOnCreate",
      "RetainExceptOnCreate",
      "Retain",
    ]);
    expect(prod.data.resources.some(({ type }) => type === "Custom::S3AutoDeleteObjects")).toBe(false);
  });

  test("data goes in dev, the bucket's objects included", () => {
    expect(dev.data.stack.terminationProtection).toBe(false);
    for (const path of STATEFUL) expect([path, dev.data.at(path).deletionPolicy]).toEqual([path, "Delete"]);
    const [emptying] = dev.data.ofType("Custom::S3AutoDeleteObjects");
    expect(labelled({ data: dev.data, app: dev.data }, emptying?.properties.BucketName)).toBe("<Data/Bucket>");
    // The log of the CDK's function that empties it, too: one that Lambda made would stay.
    const logs = dev.data.ofType("AWS::Logs::LogGroup");
    expect(logs.map(({ path, deletionPolicy }) => [path.split("/")[0], deletionPolicy])).toEqual([
      ["Custom::S3AutoDeleteObjectsCustomResourceProvider", "Delete"],
    ]);
    const helper = dev.data.ofType("AWS::Lambda::Function")[0];
    expect(helper?.properties.LoggingConfig.LogGroup).toEqual({ Ref: logs[0]?.id });
  });

  test("queues go with their capability in every stage: one that comes back must find its names free", () => {
    for (const { app } of [dev, prod]) {
      for (const { path, deletionPolicy } of app.ofType("AWS::SQS::Queue")) {
        expect([path, deletionPolicy]).toEqual([path, "Delete"]);
      }
    }
  });
});
