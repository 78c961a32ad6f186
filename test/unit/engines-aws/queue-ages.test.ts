import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { mockClient } from "aws-sdk-client-mock";
import { beforeEach, expect, test } from "vitest";
import { QueueAges } from "../../../src/engines/aws/queue-ages.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const cloudWatch = mockClient(CloudWatchClient);
let clock: VirtualClock;
let errors: unknown[];
let ages: QueueAges;

beforeEach(() => {
  cloudWatch.reset();
  clock = new VirtualClock();
  errors = [];
  ages = new QueueAges({
    client: new CloudWatchClient({ region: "us-east-1" }),
    queueNames: ["p-echo", "p-tool"],
    clock,
    onError: (error) => errors.push(error),
  });
});
const calls = (): number => cloudWatch.commandCalls(GetMetricDataCommand).length;

test("one call a minute tells the latest age of every queue, in ms", async () => {
  cloudWatch.on(GetMetricDataCommand).resolves({
    MetricDataResults: [
      { Id: "q1", Values: [12, 300] },
      { Id: "q0", Values: [] },
    ],
  });
  expect(await Promise.all(["p-echo", "p-tool"].map((name) => ages.oldestAgeMs(name)))).toEqual([undefined, 12_000]);
  expect(await ages.oldestAgeMs("p-unknown")).toBeUndefined();
  expect(calls()).toBe(1);
  await clock.advance(59_999);
  await ages.oldestAgeMs("p-tool");
  expect(calls()).toBe(1);
  await clock.advance(1);
  await ages.oldestAgeMs("p-tool");
  expect(calls()).toBe(2);
});

test("where CloudWatch fails, no age is known, nobody is troubled, and it is asked again a minute later", async () => {
  cloudWatch
    .on(GetMetricDataCommand)
    .rejectsOnce(new Error("access denied"))
    .resolves({ MetricDataResults: [{ Id: "q0", Values: [7] }] });
  expect(await Promise.all([ages.oldestAgeMs("p-echo"), ages.oldestAgeMs("p-tool")])).toEqual([undefined, undefined]);
  expect(errors).toMatchObject([{ message: "access denied" }]);
  expect(calls()).toBe(1);
  await clock.advance(60_000);
  expect(await ages.oldestAgeMs("p-echo")).toBe(7_000);
});
