import { CloudWatchLogsClient, paginateDescribeLogGroups } from "@aws-sdk/client-cloudwatch-logs";
import { type Check, differs } from "./check.ts";

const logs = new CloudWatchLogsClient({});

export const logChecks: readonly Check[] = [
  {
    what: "each function has a group of logs of its own, which are kept for as long as the stage says",
    async violations(deployment) {
      const days = new Map<string, number | undefined>();
      for await (const { logGroups = [] } of paginateDescribeLogGroups({ client: logs }, {})) {
        for (const { logGroupName = "", retentionInDays } of logGroups) days.set(logGroupName, retentionInDays);
      }
      const groups = deployment.ofType("AWS::Logs::LogGroup").filter(({ path }) => !path.startsWith("Custom::"));
      const expected = deployment.retained ? 90 : 7;
      // Of the accesses of each API, besides.
      const ours = deployment.functions.length + 2;
      return [
        ...differs("groups", groups.length, ours),
        ...groups.flatMap(({ path, physicalId }) => differs(`${path}: days`, days.get(physicalId), expected)),
      ];
    },
  },
];
