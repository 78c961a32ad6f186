import { CloudWatchClient, type MetricAlarm, paginateDescribeAlarms } from "@aws-sdk/client-cloudwatch";
import { EventBridgeClient, ListRulesCommand, ListTargetsByRuleCommand } from "@aws-sdk/client-eventbridge";
import { type Check, type Deployment, differs, isOfSockets } from "./check.ts";

const cloudWatch = new CloudWatchClient({});
const events = new EventBridgeClient({});

async function alarmsOf(deployment: Deployment): Promise<MetricAlarm[]> {
  const ours = new Set(deployment.ofType("AWS::CloudWatch::Alarm").map(({ physicalId }) => physicalId));
  const alarms: MetricAlarm[] = [];
  for await (const { MetricAlarms = [] } of paginateDescribeAlarms({ client: cloudWatch }, {}))
    alarms.push(...MetricAlarms);
  return alarms.filter(({ AlarmName = "" }) => ours.has(AlarmName));
}

const dimensionOf = ({ Dimensions = [] }: MetricAlarm): string | undefined => Dimensions[0]?.Value;

export const operationChecks: readonly Check[] = [
  {
    what: "every dead-letter queue alarms at its first message, every queue at its age",
    async violations(deployment) {
      const alarms = await alarmsOf(deployment);
      const queues = deployment.ofType("AWS::SQS::Queue").map(({ path, physicalId, properties }) => ({
        path,
        name: physicalId.split("/").at(-1),
        works: "RedrivePolicy" in properties,
      }));
      return queues.flatMap(({ path, name, works }) => {
        const metric = works ? "ApproximateAgeOfOldestMessage" : "ApproximateNumberOfMessagesVisible";
        const found = alarms.filter((alarm) => alarm.MetricName === metric && dimensionOf(alarm) === name);
        const threshold = works
          ? found.map(({ Threshold = 0 }) => Threshold >= (isOfSockets(path) ? 60 : 300))
          : found.map(({ Threshold }) => Threshold === 0);
        return differs(`${path}: an alarm of ${metric} with the right threshold`, threshold, [true]);
      });
    },
  },
  {
    what: "alarms say what to do: each names its paragraph of the runbook",
    async violations(deployment) {
      const alarms = await alarmsOf(deployment);
      return alarms
        .filter(({ AlarmDescription = "" }) => !/runbook\.md#[a-z-]+$/.test(AlarmDescription))
        .map(({ AlarmName, AlarmDescription }) => `${AlarmName}: says ${JSON.stringify(AlarmDescription)}`);
    },
  },
  {
    what: "the reconciler is called every minute",
    async violations(deployment) {
      const { Rules = [] } = await events.send(new ListRulesCommand({}));
      const ours = new Set(
        deployment.ofType("AWS::Events::Rule").map(({ physicalId }) => physicalId.split("|").at(-1)),
      );
      const timed = Rules.filter(({ Name, ScheduleExpression }) => ours.has(Name) && ScheduleExpression !== undefined);
      const targets = await Promise.all(
        timed.map(
          async ({ Name = "" }) => (await events.send(new ListTargetsByRuleCommand({ Rule: Name }))).Targets ?? [],
        ),
      );
      const reconciler = deployment.functions.find(({ path }) => path.endsWith("/Reconciler"))?.physicalId;
      const called = targets.flat().map(({ Arn = "" }) => Arn.split(":").at(-1));
      return [
        ...differs(
          "schedules",
          timed.map(({ State, ScheduleExpression }) => [State, ScheduleExpression]),
          [["ENABLED", "rate(1 minute)"]],
        ),
        ...differs("it calls", called, [reconciler]),
      ];
    },
  },
];
