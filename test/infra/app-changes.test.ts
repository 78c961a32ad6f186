import { beforeAll, describe, expect, test } from "vitest";
import { type AppParts, appSource, writeApp } from "./app-files.ts";
import { type Synthesized, synthesize } from "./synthesize.ts";

/** What a deployment does when an app's parts come and go: what is made, what goes, what is touched. */
const BASE = { capabilities: { echo: {} }, workflows: ["main"] };
const of = (parts: AppParts): Synthesized => synthesize({ context: { app: writeApp(appSource(parts)) } });

interface Change {
  /** Paths and types. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Paths, with the properties that differ. */
  readonly changed: readonly string[];
}

function changeOf(before: Synthesized, after: Synthesized): Change {
  const named = ({ path, type }: { path: string; type: string }): string => `${path} ${type}`;
  return {
    added: after.app.resources.filter(({ id }) => before.app.byId(id) === undefined).map(named),
    removed: before.app.resources.filter(({ id }) => after.app.byId(id) === undefined).map(named),
    changed: after.app.resources.flatMap(({ id, path, type, properties }) => {
      const old = before.app.byId(id);
      if (old === undefined) return [];
      expect([old.path, old.type]).toEqual([path, type]);
      return Object.keys({ ...old.properties, ...properties })
        .filter((key) => JSON.stringify(old.properties[key]) !== JSON.stringify(properties[key]))
        .map((key) => `${path} ${key}`);
    }),
  };
}

/** Everything of one line of work, below its path. */
const lineOf = (path: string): string[] =>
  [
    "Topic/Rule AWS::Events::Rule",
    "Topic/Queue AWS::SQS::Queue",
    "Topic/Queue/Policy AWS::SQS::QueuePolicy",
    "Topic/DeadLetters AWS::SQS::Queue",
    "Topic/DeadLetters/Policy AWS::SQS::QueuePolicy",
    "Topic/Undelivered AWS::SQS::Queue",
    "Topic/Undelivered/Policy AWS::SQS::QueuePolicy",
    "Topic/Messages AWS::Lambda::EventSourceMapping",
    "Worker AWS::Lambda::Function",
    "WorkerLogs AWS::Logs::LogGroup",
    "WorkerRole AWS::IAM::Role",
    "WorkerRole/DefaultPolicy AWS::IAM::Policy",
    "OldestMessageAlarm AWS::CloudWatch::Alarm",
    "DeadLettersAlarm AWS::CloudWatch::Alarm",
    "UndeliveredAlarm AWS::CloudWatch::Alarm",
    "ThrottlesAlarm AWS::CloudWatch::Alarm",
  ].map((below) => `Sluice/Pipeline/${path}/${below}`);
/** The dashboard has one row more, and dead letters of one queue more are reviewed. */
const TOUCHED_BY_ALL = [
  "Sluice/Operations/Dashboard DashboardBody",
  "Sluice/Operations/ReconcilerRole/DefaultPolicy PolicyDocument",
];
/** Who tells how much waits for capabilities may ask one queue more. */
const TOUCHED = [...TOUCHED_BY_ALL, "Sluice/Api/CapabilitiesRole/DefaultPolicy PolicyDocument"];

let base: Synthesized;
beforeAll(() => {
  base = of(BASE);
});

const sorted = (texts: readonly string[]): string[] => [...texts].sort();

describe.each([
  ["capability", { ...BASE, capabilities: { echo: {}, "word-count": {} } }, "Capability-word-count", TOUCHED],
  ["workflow", { ...BASE, workflows: ["main", "reading-time"] }, "Workflow-reading-time", TOUCHED_BY_ALL],
])("a %s more", (_, parts, path, touched) => {
  let more: Synthesized;
  beforeAll(() => {
    more = of(parts);
  });

  test("makes its topic's rule, queue, dead letters, worker, alarms and row, and replaces nothing", () => {
    const { added, removed, changed } = changeOf(base, more);
    expect(sorted(added)).toEqual(sorted(lineOf(path)));
    expect(removed).toEqual([]);
    expect(sorted(changed)).toEqual(sorted(touched));
  });

  test("does not touch the data, nor what the stacks share: it goes again in one deployment", () => {
    expect(more.data.json).toEqual(base.data.json);
    expect(more.app.json.Outputs).toEqual(base.app.json.Outputs);
    const { added, removed, changed } = changeOf(more, base);
    expect(added).toEqual([]);
    expect(sorted(removed)).toEqual(sorted(lineOf(path)));
    expect(sorted(changed)).toEqual(sorted(touched));
  });
});

test("a capability with a secret is known to the deployment besides, which looks whether it is there", () => {
  const more = of({ ...BASE, capabilities: { echo: {}, mailer: { secrets: ["SMTP_PASSWORD"] } } });
  const { added, removed, changed } = changeOf(base, more);
  expect(sorted(added)).toEqual(sorted(lineOf("Capability-mailer")));
  expect(removed).toEqual([]);
  expect(sorted(changed)).toEqual(
    sorted([
      ...TOUCHED,
      "Sluice/Deployment/FunctionRole/DefaultPolicy PolicyDocument",
      "Sluice/Deployment/Number Secrets",
    ]),
  );
});

test("whatever the order of an app's parts, each keeps what it has; functions only find their queues by another one", () => {
  const two = of({ capabilities: { echo: {}, second: {} }, workflows: ["main", "other"] });
  const turned = of({ capabilities: { second: {}, echo: {} }, workflows: ["other", "main"] });
  const { added, removed, changed } = changeOf(two, turned);
  expect([added, removed]).toEqual([[], []]);
  expect(changed.filter((change) => !/ (Environment|DashboardBody)$/.test(change))).toEqual([]);
});

test("another model touches the workers and who shows it, and no queue", () => {
  const app = writeApp(appSource({ capabilities: { echo: {}, thinker: { usesModel: true } } }));
  const before = synthesize({ context: { app } });
  const after = synthesize({ context: { app, model: "bedrock:amazon.nova-lite-v1:0" } });
  const { added, removed, changed } = changeOf(before, after);
  expect([added, removed]).toEqual([[], []]);
  expect(sorted(changed)).toEqual(
    sorted([
      "Sluice/Api/Capabilities Environment",
      "Sluice/Pipeline/Capability-echo/Worker Environment",
      "Sluice/Pipeline/Capability-thinker/Worker Environment",
      "Sluice/Pipeline/Capability-thinker/WorkerRole/DefaultPolicy PolicyDocument",
    ]),
  );
});
