import { Match } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";
import { advanceQueue, topics, WEBHOOKS } from "../../src/contract/messages.ts";
import { sqsDeadLetterSuffix, sqsSuffix } from "../../src/contract/queue-names.ts";
import { MAX_RECEIVES } from "../../src/core/ports.ts";
import { appSource, writeApp } from "./app-files.ts";
import { evaluate } from "./evaluate.ts";
import { ACCOUNT, labelled, REGION, type Resource, type Synthesized, synthesize } from "./synthesize.ts";

const LONGEST = "a".repeat(40);
const CAPABILITIES: Readonly<Record<string, object>> = {
  swift: { timeoutMs: 1_000, memoryMb: 256, concurrency: 2, batchSize: 1 },
  "in-between": { timeoutMs: 61_001, memoryMb: 1_024, concurrency: 50, batchSize: 4 },
  [LONGEST]: { timeoutMs: 870_000, memoryMb: 10_240, concurrency: 1_000, batchSize: 10 },
};
const LONGEST_WORKFLOW = "w".repeat(40);

let synthesized: Synthesized;
beforeAll(() => {
  const app = writeApp(appSource({ capabilities: CAPABILITIES, workflows: ["main", LONGEST_WORKFLOW] }));
  synthesized = synthesize({ context: { app } });
});

const capabilityPath = (name: string): string => `Sluice/Pipeline/Capability-${name}`;
const workflowPath = (name: string): string => `Sluice/Pipeline/Workflow-${name}`;
/** All that have a queue: path, core's name of the queue, topic. */
const lines = (): [path: string, queue: string, topic: string][] => [
  ...Object.keys(CAPABILITIES).map((name): [string, string, string] => [
    capabilityPath(name),
    name,
    topics.requested(name),
  ]),
  ...["main", LONGEST_WORKFLOW].map((name): [string, string, string] => [
    workflowPath(name),
    advanceQueue(name),
    topics.advance(name),
  ]),
  ["Sluice/Pipeline/Webhooks", WEBHOOKS, topics.requested(WEBHOOKS)],
];

// biome-ignore lint/suspicious/noExplicitAny: properties of a resource
const at = (path: string): any => labelled(synthesized, synthesized.app.at(path).properties);

describe("each queue", () => {
  test.each(lines())("of %s gets its topic, fairly among tenants, and not what is replayed", (path, _, topic) => {
    const { EventPattern, Targets, EventBusName } = at(`${path}/Topic/Rule`);
    expect(EventBusName).toBe("<Data/Bus>");
    expect(EventPattern).toEqual({
      source: ["sluice"],
      "detail-type": [topic],
      "replay-name": [{ exists: false }],
    });
    expect(Targets).toEqual([
      {
        Id: "Target0",
        Arn: `<${path}/Topic/Queue>.Arn`,
        DeadLetterConfig: { Arn: `<${path}/Topic/Undelivered>.Arn` },
        SqsParameters: { MessageGroupId: "$.detail.tenant" },
      },
    ]);
  });

  test.each(lines())("of %s keeps messages for 4 days, dead ones for 14", (path) => {
    const day = 86_400;
    expect(at(`${path}/Topic/Queue`)).toMatchObject({
      MessageRetentionPeriod: 4 * day,
      RedrivePolicy: { deadLetterTargetArn: `<${path}/Topic/DeadLetters>.Arn`, maxReceiveCount: MAX_RECEIVES },
    });
    expect(MAX_RECEIVES).toBe(20);
    for (const dead of ["DeadLetters", "Undelivered"]) {
      expect(at(`${path}/Topic/${dead}`)).toMatchObject({ MessageRetentionPeriod: 14 * day });
      expect(at(`${path}/Topic/${dead}`)).not.toHaveProperty("RedrivePolicy");
    }
  });

  test.each(lines())("of %s hides a message for longer than its function runs", (path) => {
    expect(at(`${path}/Topic/Queue`).VisibilityTimeout).toBeGreaterThan(at(`${path}/Worker`).Timeout);
  });

  test("is encrypted and speaks TLS only", () => {
    const queues = synthesized.app.ofType("AWS::SQS::Queue");
    expect(queues).toHaveLength(3 * lines().length + 2);
    for (const { id, properties } of queues) {
      expect(properties.SqsManagedSseEnabled).toBe(true);
      synthesized.app.template.hasResourceProperties("AWS::SQS::QueuePolicy", {
        Queues: [{ Ref: id }],
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: "Deny",
              Action: "sqs:*",
              Principal: { AWS: "*" },
              Condition: { Bool: { "aws:SecureTransport": "false" } },
            }),
          ]),
        },
      });
    }
  });

  test("lets nobody send but its own rule", () => {
    for (const { path, properties } of synthesized.app.ofType("AWS::SQS::QueuePolicy")) {
      const allowed = (labelled(synthesized, properties.PolicyDocument.Statement) as Record<string, unknown>[]).filter(
        ({ Effect }) => Effect === "Allow",
      );
      const topic = path.replace(/\/(Queue|DeadLetters|Undelivered)\/Policy$/, "");
      // What is to be sent by WebSocket comes from functions, by what their roles allow.
      const needsNobody = path.endsWith("DeadLetters/Policy") || path === "Sluice/Sockets/Queue/Policy";
      expect(allowed).toHaveLength(needsNobody ? 0 : 1);
      for (const { Principal, Condition } of allowed) {
        expect(Principal).toEqual({ Service: "events.amazonaws.com" });
        expect(Condition).toEqual({ ArnEquals: { "aws:SourceArn": `<${topic}/Rule>.Arn` } });
      }
    }
  });
});

describe("names of queues", () => {
  /** As SQS names them; a queue of no name of ours gets one by CloudFormation. */
  const urlOf = ({ properties }: Resource): string =>
    `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${properties.QueueName}`;

  test.each(lines())("are what functions derive from their prefix: %s", (path, queue) => {
    const variable = synthesized.app.at(`${path}/Worker`).properties.Environment.Variables.SLUICE_QUEUE_URL_PREFIX;
    const prefix = evaluate(variable, (id) => {
      const referred = synthesized.app.byId(id);
      if (referred?.type !== "AWS::SQS::Queue") throw new RangeError(`${id} is no queue`);
      return urlOf(referred);
    });
    expect(`${prefix}${sqsSuffix(queue)}`).toBe(urlOf(synthesized.app.at(`${path}/Topic/Queue`)));
    expect(`${prefix}${sqsDeadLetterSuffix(queue)}`).toBe(urlOf(synthesized.app.at(`${path}/Topic/DeadLetters`)));
  });

  test("fit what SQS allows, also for the longest names that an app may give", () => {
    const names = synthesized.app.ofType("AWS::SQS::Queue").flatMap(({ properties }) => properties.QueueName ?? []);
    expect(new Set(names).size).toBe(2 * lines().length);
    for (const name of names) expect(name).toMatch(/^[\w-]{1,80}$/);
    expect(names.some((name) => name.includes(`${LONGEST_WORKFLOW}_advance_dead`))).toBe(true);
  });
});

describe("the worker of a capability", () => {
  // A function may run for its call and 30 s, and for 15 min at most.
  test.each([
    ["swift", 31, 256, 2, 1],
    ["in-between", 92, 1_024, 50, 4],
    [LONGEST, 900, 10_240, 1_000, 10],
  ])("%s has its own time (%d s), memory, concurrency and batches", (name, seconds, memory, concurrency, batch) => {
    expect(at(`${capabilityPath(name)}/Worker`)).toMatchObject({ MemorySize: memory, Timeout: seconds });
    const mapping = at(`${capabilityPath(name)}/Topic/Messages`);
    expect(mapping).toMatchObject({
      EventSourceArn: `<${capabilityPath(name)}/Topic/Queue>.Arn`,
      FunctionName: `<${capabilityPath(name)}/Worker>`,
      BatchSize: batch,
      ScalingConfig: { MaximumConcurrency: concurrency },
      FunctionResponseTypes: ["ReportBatchItemFailures"],
    });
    expect(mapping).not.toHaveProperty("MaximumBatchingWindowInSeconds");
    expect(mapping).not.toHaveProperty("Enabled");
  });
});

describe("every function", () => {
  const functions = (): Resource[] => synthesized.app.ofType("AWS::Lambda::Function");

  test("runs on the same runtime, logs to its own group for a time, under its own role", () => {
    const roles = new Set<string>();
    const groups = new Set<string>();
    for (const { path, properties } of functions()) {
      const { Runtime, Architectures, LoggingConfig, Role } = labelled(synthesized, properties) as Record<
        string,
        { LogGroup?: string }
      >;
      expect([path, Runtime, Architectures]).toEqual([path, "nodejs24.x", ["arm64"]]);
      expect(LoggingConfig).toEqual({ LogFormat: "JSON", ApplicationLogLevel: "INFO", LogGroup: `<${path}Logs>` });
      expect(Role).toBe(`<${path}Role>.Arn`);
      groups.add(String(LoggingConfig?.LogGroup));
      roles.add(String(Role));
      expect(synthesized.app.at(`${path}Logs`).properties.RetentionInDays).toBe(7);
      expect(synthesized.app.at(`${path}Role`).properties).not.toHaveProperty("ManagedPolicyArns");
    }
    expect(roles.size).toBe(functions().length);
    expect(groups.size).toBe(functions().length);
  });

  test("that may cause what it consumes is not stopped as a loop, and no other is let", () => {
    const looping = functions().filter(({ properties }) => properties.RecursiveLoop === "Allow");
    expect(looping.map(({ path }) => path).sort()).toEqual(
      [...lines().map(([path]) => `${path}/Worker`), "Sluice/Operations/Reconciler", "Sluice/Sockets/Delivery"].sort(),
    );
  });

  test("that consumes a queue is such a function", () => {
    const consumers = synthesized.app
      .ofType("AWS::Lambda::EventSourceMapping")
      .map(({ properties }) => synthesized.app.byId(properties.FunctionName.Ref));
    expect(consumers).toHaveLength(lines().length + 1);
    for (const consumer of consumers) expect(consumer?.properties.RecursiveLoop).toBe("Allow");
  });
});
