import { beforeAll, describe, expect, test } from "vitest";
import { PARAGRAPHS } from "../../lib/monitoring.ts";
import { appSource, writeApp } from "./app-files.ts";
import { labelled, type Resource, type Synthesized, synthesize } from "./synthesize.ts";

const TOPIC = "arn:aws:sns:eu-central-1:111122223333:on-call";
const RUNBOOK = "https://wiki.example.org/sluice/runbook";

let synthesized: Synthesized;
beforeAll(() => {
  const app = writeApp(appSource({ capabilities: { quick: { timeoutMs: 1_000 }, slow: { timeoutMs: 600_000 } } }));
  synthesized = synthesize({ context: { app, alarmTopicArn: TOPIC, runbookUrl: RUNBOOK } });
});

const alarms = (): Resource[] => synthesized.app.ofType("AWS::CloudWatch::Alarm");
// biome-ignore lint/suspicious/noExplicitAny: properties of a resource
const alarm = (path: string): any => labelled(synthesized, synthesized.app.at(path).properties);
const watches = (path: string): unknown => {
  const { Namespace, MetricName, Dimensions, Threshold, ComparisonOperator, TreatMissingData } = alarm(path);
  const of = Object.fromEntries(
    (Dimensions ?? []).map(({ Name, Value }: { Name: string; Value: string }) => [Name, Value]),
  );
  return [`${Namespace}/${MetricName}`, of, ComparisonOperator.replace("Threshold", ""), Threshold, TreatMissingData];
};

describe("every alarm", () => {
  test("says what it means and leads to its paragraph of the runbook", () => {
    for (const { properties } of alarms()) {
      expect(properties.AlarmDescription).toMatch(
        /^[A-Z].+\. What to do: https:\/\/wiki\.example\.org\/sluice\/runbook#\S+$/,
      );
      expect(PARAGRAPHS).toContain(properties.AlarmDescription.split("#")[1]);
    }
  });

  test("tells the topic that was given", () => {
    for (const { path, properties } of alarms()) expect([path, properties.AlarmActions]).toEqual([path, [TOPIC]]);
  });

  test("watches a minute or five of one thing that is there", () => {
    const all = [...synthesized.app.resources, ...synthesized.data.resources].map(({ path }) => path);
    for (const { path, properties } of alarms()) {
      const { Period, Dimensions = [] } = labelled(synthesized, properties) as {
        Period?: number;
        Dimensions?: { Value: string }[];
      };
      expect([60, 300, undefined]).toContain(Period);
      for (const { Value } of Dimensions) {
        const referred = /^<(.+?)>/.exec(Value)?.[1];
        if (referred !== undefined) expect([path, all]).toEqual([path, expect.arrayContaining([referred])]);
      }
    }
  });

  test("is one of the list: four for each queue, two for what is sent by WebSocket, eleven for the whole", () => {
    expect(alarms()).toHaveLength(4 * 4 + 2 + 11);
    const paragraphs = alarms().map(({ properties }) => properties.AlarmDescription.split("#")[1]);
    // What watches a deployment is there only where that is gradual.
    expect(new Set([...paragraphs, "deployments-and-their-number"])).toEqual(new Set(PARAGRAPHS));
  });

  test("without a topic tells nobody, and leads to the file in the repository", () => {
    const { app } = synthesize();
    for (const { properties } of app.ofType("AWS::CloudWatch::Alarm")) {
      expect(properties).not.toHaveProperty("AlarmActions");
      expect(properties.AlarmDescription).toContain("docs/runbook.md#");
    }
  });
});

describe("of a capability", () => {
  const of = "Sluice/Pipeline/Capability-quick";

  test("work that waits for more than 5 minutes alarms, or for more than twice as long as its function may run", () => {
    expect(watches(`${of}/OldestMessageAlarm`)).toEqual([
      "AWS/SQS/ApproximateAgeOfOldestMessage",
      { QueueName: `<${of}/Topic/Queue>.QueueName` },
      "GreaterThan",
      300,
      "notBreaching",
    ]);
    expect(alarm("Sluice/Pipeline/Capability-slow/OldestMessageAlarm").Threshold).toBe(2 * 630);
  });

  test("one dead letter alarms, and so does one event that the bus could not bring", () => {
    for (const [name, queue] of [
      ["DeadLettersAlarm", "DeadLetters"],
      ["UndeliveredAlarm", "Undelivered"],
    ]) {
      expect(watches(`${of}/${name}`)).toEqual([
        "AWS/SQS/ApproximateNumberOfMessagesVisible",
        { QueueName: `<${of}/Topic/${queue}>.QueueName` },
        "GreaterThan",
        0,
        "notBreaching",
      ]);
    }
  });

  test("throttles of its worker alarm", () => {
    expect(watches(`${of}/ThrottlesAlarm`)).toEqual([
      "AWS/Lambda/Throttles",
      { FunctionName: `<${of}/Worker>` },
      "GreaterThan",
      0,
      "notBreaching",
    ]);
  });
});

describe("of the whole", () => {
  const of = "Sluice/Operations";

  test("a reconciler that does not run alarms: silence is bad news there", () => {
    expect(watches(`${of}/ReconcilerAlarm`)).toEqual([
      "AWS/Lambda/Invocations",
      { FunctionName: "<Sluice/Operations/Reconciler>" },
      "LessThan",
      1,
      "breaching",
    ]);
    expect(alarm(`${of}/Schedule`)).toMatchObject({ ScheduleExpression: "rate(1 minute)", State: "ENABLED" });
    expect(alarm(`${of}/Schedule`).Targets[0].Arn).toBe("<Sluice/Operations/Reconciler>.Arn");
  });

  test("a run of the reconciler that fails or is throttled is not made up for: the next one is due by then", () => {
    expect(alarm(`${of}/Runs`)).toMatchObject({
      FunctionName: "<Sluice/Operations/Reconciler>",
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
  });

  test("5XX of this instance's API, and no other's, alarm", () => {
    expect(watches(`${of}/ServerErrorsAlarm`)).toEqual([
      "AWS/ApiGateway/5XXError",
      { ApiName: "sluice-dev" },
      "GreaterThan",
      0,
      "notBreaching",
    ]);
  });

  test.each([
    ["Read", "Table", {}],
    ["Write", "Table", {}],
    ["Read", "JobsIndex", { GlobalSecondaryIndexName: "jobs" }],
    ["Write", "JobsIndex", { GlobalSecondaryIndexName: "jobs" }],
    ["Read", "WakeIndex", { GlobalSecondaryIndexName: "wake" }],
    ["Write", "WakeIndex", { GlobalSecondaryIndexName: "wake" }],
  ])("throttled %ss of %s alarm", (kind, name, index) => {
    expect(watches(`${of}/${name}${kind}ThrottlesAlarm`)).toEqual([
      `AWS/DynamoDB/${kind}ThrottleEvents`,
      { TableName: "<Data/Table>", ...index },
      "GreaterThan",
      0,
      "notBreaching",
    ]);
  });

  test("an account that uses more than 80 % of its concurrency alarms", () => {
    const { Metrics, Threshold } = alarm(`${of}/AccountConcurrencyAlarm`);
    expect(Threshold).toBe(80);
    expect(JSON.stringify(Metrics)).toContain("SERVICE_QUOTA");
    expect(JSON.stringify(Metrics)).toContain("ConcurrentExecutions");
  });

  test("a loop that Lambda stopped alarms", () => {
    expect(watches(`${of}/RecursionAlarm`)).toEqual([
      "AWS/Lambda/RecursiveInvocationsDropped",
      {},
      "GreaterThan",
      0,
      "notBreaching",
    ]);
  });
});

describe("of what is sent by WebSocket", () => {
  const of = "Sluice/Sockets";

  test("events that wait for more than a minute alarm: by then watchers ask by themselves", () => {
    expect(watches(`${of}/OldestMessageAlarm`)).toEqual([
      "AWS/SQS/ApproximateAgeOfOldestMessage",
      { QueueName: `<${of}/Queue>.QueueName` },
      "GreaterThan",
      60,
      "notBreaching",
    ]);
  });

  test("one dead letter alarms", () => {
    expect(watches(`${of}/DeadLettersAlarm`)).toEqual([
      "AWS/SQS/ApproximateNumberOfMessagesVisible",
      { QueueName: `<${of}/DeadLetters>.QueueName` },
      "GreaterThan",
      0,
      "notBreaching",
    ]);
  });
});

test("the dashboard has a row for each capability and workflow: backlog, age, in flight, errors, duration", () => {
  const [dashboard] = synthesized.app.ofType("AWS::CloudWatch::Dashboard");
  const { widgets } = JSON.parse(labelled(synthesized, dashboard?.properties.DashboardBody) as string) as {
    widgets: { y: number; width: number; properties: { title?: string; metrics?: unknown[] } }[];
  };
  for (const name of ["quick", "slow", "main.advance"]) {
    const row = widgets.filter(({ properties }) => properties.title?.startsWith(`${name}:`));
    expect(row.map(({ properties }) => properties.title?.split(": ")[1])).toEqual([
      "backlog",
      "age of the oldest, s",
      "in flight",
      "errors",
      "duration, ms",
    ]);
    expect(new Set(row.map(({ y }) => y)).size).toBe(1);
    expect(row.reduce((sum, { width }) => sum + width, 0)).toBe(24);
    for (const { properties } of row) expect(properties.metrics?.length).toBeGreaterThan(0);
  }
});
