import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { mockClient } from "aws-sdk-client-mock";
import { beforeEach, expect, test } from "vitest";
import { QueueMetric } from "../../../src/engines/aws/queue-metric.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const cloudWatch = mockClient(CloudWatchClient);
let clock: VirtualClock;
let errors: unknown[];
let metric: QueueMetric;

beforeEach(() => {
  cloudWatch.reset();
  clock = new VirtualClock();
  errors = [];
  metric = new QueueMetric({
    client: new CloudWatchClient({ region: "us-east-1" }),
    metric: "NumberOfMessagesDeleted",
    queueNames: ["p-echo", "p-tool"],
    clock,
    onError: (error) => errors.push(error),
  });
});
const calls = (): number => cloudWatch.commandCalls(GetMetricDataCommand).length;

test("one call a minute tells the latest figure of every queue", async () => {
  cloudWatch.on(GetMetricDataCommand).resolves({
    MetricDataResults: [
      { Id: "q1", Values: [12, 300] },
      { Id: "q0", Values: [] },
    ],
  });
  expect(await Promise.all(["p-echo", "p-tool"].map((name) => metric.latest(name)))).toEqual([undefined, 12]);
  expect(await metric.latest("p-unknown")).toBeUndefined();
  expect(calls()).toBe(1);
  const [query] = cloudWatch.commandCalls(GetMetricDataCommand)[0]?.args[0].input.MetricDataQueries ?? [];
  expect(query?.MetricStat).toMatchObject({
    Metric: { MetricName: "NumberOfMessagesDeleted" },
    Stat: "Sum",
    Period: 60,
  });
  await clock.advance(59_999);
  await metric.latest("p-tool");
  expect(calls()).toBe(1);
  await clock.advance(1);
  await metric.latest("p-tool");
  expect(calls()).toBe(2);
});

test("where CloudWatch fails, nothing is known, nobody is troubled, and it is asked again a minute later", async () => {
  cloudWatch
    .on(GetMetricDataCommand)
    .rejectsOnce(new Error("access denied"))
    .resolves({ MetricDataResults: [{ Id: "q0", Values: [7] }] });
  expect(await Promise.all([metric.latest("p-echo"), metric.latest("p-tool")])).toEqual([undefined, undefined]);
  expect(errors).toMatchObject([{ message: "access denied" }]);
  expect(calls()).toBe(1);
  await clock.advance(60_000);
  expect(await metric.latest("p-echo")).toBe(7);
});
