import { expect, test } from "vitest";
import { alternatives, together } from "../../../../tools/cost/alternatives.ts";
import { billRest } from "../../../../tools/cost/at-rest.ts";
import { atMessages, billedMs, billJobs, totalOf, tracesOf } from "../../../../tools/cost/bill.ts";
import { loadComparators, perMillionJobs } from "../../../../tools/cost/compare.ts";
import { noCounts, SUBMIT } from "../../../../tools/cost/count-runs.ts";
import type { Deployed } from "../../../../tools/cost/deployed.ts";
import { loadLatency, nextStepMs } from "../../../../tools/cost/latency.ts";
import { loadPrices } from "../../../../tools/cost/prices.ts";
import { billWaiting } from "../../../../tools/cost/waiting.ts";

const WORKER = "Sluice/Pipeline/Capability-tool/Worker";
const prices = loadPrices("us-east-1");
const calls = { readMs: 0, writeMs: 0, putEventsMs: 0, s3Ms: 0, sqsMs: 0, ownMs: 0 };
const deployed: Deployed = {
  stage: "test",
  count: (type) => ({ "AWS::CloudWatch::Alarm": 12, "AWS::CloudWatch::Dashboard": 1 })[type] ?? 0,
  functions: new Map([
    [SUBMIT, { memoryMb: 512, traced: true }],
    [WORKER, { memoryMb: 1_024, traced: true }],
  ]),
  mappings: [{ function: WORKER, batchSize: 10, concurrency: 20 }],
  logRetentionDays: 30,
  archiveDays: 30,
  pointInTimeRecovery: true,
  throttle: { rate: 100, burst: 200 },
  jobDays: 60,
};
const run = {
  jobs: 1,
  messagesPerInvocation: 1,
  functions: {
    [SUBMIT]: { ...noCounts(), invocations: 1 },
    [WORKER]: {
      ...noCounts(),
      invocations: 2,
      records: 2,
      billedMs: 100,
      writes: 4,
      writeUnits: 6,
      leastWriteUnits: 4,
      readUnits: 2,
      storedBytes: 10_000,
      entries: 2,
      entryUnits: 2,
    },
  },
};
const bill = (jobsPerSecond = 0.1) => billJobs(run, 1_000_000, deployed, prices, { jobsPerSecond, calls });
const cost = (service: string, what: string): number =>
  totalOf(bill().filter((line) => line.service === service && line.what === what));

test("a million jobs, worked out by hand from the price list", () => {
  expect(cost("API Gateway", "requests")).toBeCloseTo(3.5);
  expect(cost("Lambda", "requests")).toBeCloseTo(3 * 0.2);
  // 0.1 s at 1 GB.
  expect(cost("Lambda", "time")).toBeCloseTo(100_000 * 0.0000133334);
  expect(cost("DynamoDB", "write units")).toBeCloseTo(6 * 0.625);
  expect(cost("DynamoDB", "read units")).toBeCloseTo(2 * 0.125);
  // 10 GB for two months.
  expect(cost("DynamoDB", "storage")).toBeCloseTo(10 * 2 * 0.25);
  expect(cost("DynamoDB", "backup")).toBeCloseTo(10 * 2 * 0.2);
  expect(cost("EventBridge", "entries")).toBeCloseTo(2);
  // Two sends, two receives, two deletes.
  expect(cost("SQS", "requests")).toBeCloseTo(6 * 0.4);
  expect(cost("SQS", "fair queues")).toBeCloseTo(6 * 0.1);
  // Two lines of Lambda and ours an invocation, and one of the API.
  expect(cost("CloudWatch", "logs")).toBeCloseTo((3 * 778 + 500) * 1e6 * 1e-9 * 0.5);
});

test("five messages an invocation are five sends, one receive and one delete", () => {
  const batched = atMessages(run, 5);
  expect(batched.functions[WORKER]).toMatchObject({ invocations: 0.4, records: 2, billedMs: 20, writeUnits: 6 });
  expect(batched.functions[SUBMIT]).toEqual(run.functions[SUBMIT]);
  const lines = billJobs(batched, 1_000_000, deployed, prices, { jobsPerSecond: 100, calls });
  expect(totalOf(lines.filter(({ what, service }) => service === "SQS" && what === "requests"))).toBeCloseTo(2.8 * 0.4);
});

test("the time is that of the calls on AWS, if the servers that were measured with are nearer", () => {
  const counts = { ...noCounts(), invocations: 1, records: 5, billedMs: 10, writes: 10, putEvents: 5 };
  // Each of five messages makes two writes and a publish, all five at once.
  expect(billedMs(counts, { ...calls, writeMs: 7, putEventsMs: 25, ownMs: 5 })).toBe(2 * 7 + 25 + 5);
  expect(billedMs({ ...counts, billedMs: 60 }, { ...calls, writeMs: 7 })).toBe(60);
});

test("below one request a second everything is traced, above it a twentieth of what is more", () => {
  expect(tracesOf(2, 0.5)).toBe(2);
  expect(tracesOf(1, 101)).toBeCloseTo((1 + 0.05 * 100) / 101);
});

test("what an alternative saves is in the bill, and of one kind one counts", () => {
  const all = alternatives(run, 1_000_000, bill(), deployed, prices);
  const saves = (part: string): number => all.find(({ what }) => what.includes(part))?.saves ?? Number.NaN;
  expect(saves("HTTP API")).toBeCloseTo(2.5);
  expect(saves("less than 1 KB")).toBeCloseTo(2 * 0.625);
  expect(saves("no tracing")).toBeCloseTo(3 * 5);
  expect(together(all)).toBeLessThan(totalOf(bill()));
  expect(together(all)).toBeCloseTo(
    totalOf([...Map.groupBy(all, ({ kind }) => kind).values()].map((of) => ({ cost: of[0]?.saves ?? 0 }))),
  );
});

test("a month at rest: what is in the template, the pollers, and the reconciler each minute", () => {
  const reconciler = { ...noCounts(), invocations: 1, readUnits: 8, billedMs: 10 };
  const lines = billRest(deployed, reconciler, prices, calls);
  const line = (part: string) => lines.find(({ what }) => what.includes(part));
  expect(line("alarms")).toMatchObject({ units: 12, cost: expect.closeTo(1.2), withFree: expect.closeTo(0.2) });
  // Five pollers that each ask every 20 s.
  expect(line("empty receives")).toMatchObject({ units: 648_000, withFree: 0 });
  expect(line("reconciler: requests")?.units).toBe(43_200);
  expect(line("reconciler: reads")?.cost).toBeCloseTo(43_200 * 8 * 0.125e-6);
});

test("waiting for N answers at once costs a N-th each", () => {
  expect(billWaiting(20, 512, prices)).toEqual([
    { answersAtOnce: 1, perMillion: expect.closeTo(133.334) },
    { answersAtOnce: 10, perMillion: expect.closeTo(13.3334) },
    { answersAtOnce: 50, perMillion: expect.closeTo(2.66668) },
  ]);
});

test("products are counted by what their plan has in it", () => {
  const of = Object.fromEntries(loadComparators().products.map((each) => [each.name, perMillionJobs(each)]));
  expect(of).toEqual({
    "AWS Step Functions Standard": 175,
    "AWS Lambda durable functions": 41.6,
    "Temporal Cloud": 275,
    Inngest: 75 + 4 * 50,
    "Hatchet Cloud": 49,
  });
});

test("each price says where it is from, and on what it is based if no source shows it", () => {
  expect(prices.unverified().every(({ price }) => price.note !== undefined)).toBe(true);
  expect(() => loadPrices("mars-1")).toThrow('tools/cost/prices.json has us-east-1; got "mars-1"');
});

test("the next step's latency is the sum of its hops", () => {
  expect(nextStepMs(loadLatency()).p50Ms).toBeCloseTo(117.2);
});
