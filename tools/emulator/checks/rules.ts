import { EventBridgeClient, ListRulesCommand, ListTargetsByRuleCommand, type Rule } from "@aws-sdk/client-eventbridge";
import { GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import { EVENT_SOURCE, topics, WEBHOOKS } from "../../../src/contract/messages.ts";
import { type Check, type Deployment, differs } from "./check.ts";

const events = new EventBridgeClient({});
const sqs = new SQSClient({});

interface Pattern {
  readonly source?: readonly string[];
  readonly "detail-type"?: readonly string[];
  readonly "replay-name"?: readonly unknown[];
}

const busOf = (deployment: Deployment): string => deployment.only("AWS::Events::EventBus").physicalId;

async function rulesOf(deployment: Deployment): Promise<Rule[]> {
  const { Rules = [] } = await events.send(new ListRulesCommand({ EventBusName: busOf(deployment) }));
  return Rules;
}

/** What moves a line's work: `ai.NAME.requested` for a capability and for webhooks, `ai.NAME.advance` for a workflow. */
function topicOf(path: string): string | undefined {
  if (path === "Sluice/Pipeline/Webhooks/Worker") return topics.requested(WEBHOOKS);
  const [, kind, name] = /^Sluice\/Pipeline\/(Capability|Workflow)-([^/]+)\/Worker$/.exec(path) ?? [];
  if (name === undefined) return undefined;
  return kind === "Capability" ? topics.requested(name) : topics.advance(name);
}

export const ruleChecks: readonly Check[] = [
  {
    what: "every capability and workflow has a rule for its topic, which no replay of the archive sets off",
    async violations(deployment) {
      const patterns = (await rulesOf(deployment)).map(
        ({ EventPattern = "{}" }) => JSON.parse(EventPattern) as Pattern,
      );
      const expected = deployment.functions.flatMap(({ path }) => topicOf(path) ?? []);
      return [
        ...differs("topics of rules", patterns.flatMap((each) => each["detail-type"] ?? []).sort(), expected.sort()),
        ...patterns.flatMap((each) => [
          ...differs(`${each["detail-type"]}: source`, each.source, [EVENT_SOURCE]),
          ...differs(`${each["detail-type"]}: replays`, each["replay-name"], [{ exists: false }]),
        ]),
      ];
    },
  },
  {
    what: "rules are on, put the tenant in MessageGroupId, and keep what they cannot deliver",
    async violations(deployment) {
      const found = (await rulesOf(deployment)).map(async ({ Name = "", State }) => {
        const { Targets = [] } = await events.send(
          new ListTargetsByRuleCommand({ Rule: Name, EventBusName: busOf(deployment) }),
        );
        const kept = await Promise.all(
          Targets.map(async ({ DeadLetterConfig }) => ((await exists(DeadLetterConfig?.Arn)) ? "kept" : "lost")),
        );
        return [
          ...differs(`${Name}: state`, State, "ENABLED"),
          ...differs(
            `${Name}: group`,
            Targets.map(({ SqsParameters }) => SqsParameters?.MessageGroupId),
            ["$.detail.tenant"],
          ),
          ...differs(`${Name}: what it cannot deliver is`, kept, ["kept"]),
        ];
      });
      return (await Promise.all(found)).flat();
    },
  },
];

async function exists(queueArn: string | undefined): Promise<boolean> {
  const QueueName = queueArn?.split(":").at(-1);
  if (QueueName === undefined) return false;
  return sqs.send(new GetQueueUrlCommand({ QueueName })).then(
    () => true,
    () => false,
  );
}
