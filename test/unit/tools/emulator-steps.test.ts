import { beforeEach, expect, test, vi } from "vitest";
import { Deployment, differs } from "../../../tools/emulator/checks/check.ts";
import type { DeployedResource } from "../../../tools/emulator/deployed.ts";
import { namesLeft } from "../../../tools/emulator/leftovers.ts";
import { Steps, Violations } from "../../../tools/emulator/steps.ts";

beforeEach(() => {
  vi.spyOn(console, "log").mockReturnValue();
});

test("a step that finds something wrong makes the run red, and the next one is tried", async () => {
  const steps = new Steps();
  await steps.step("first", async () => "said");
  expect(steps.red).toBe(false);
  await steps.step("second", () => Promise.reject(new Violations(["a | b", "two"])));
  await steps.step("third", async () => {});
  expect(steps.red).toBe(true);
  expect(steps.results.map(({ what, outcome, detail }) => [what, outcome, detail])).toEqual([
    ["first", "ok", "said"],
    ["second", "red", "a | b\ntwo"],
    ["third", "ok", ""],
  ]);
  expect(steps.table()).toMatch(/^\| second \| \*\*RED\*\* \| \d+\.\d \| a \\\| b \|$/m);
});

test("whatever else is thrown ends the run, red", async () => {
  const steps = new Steps();
  await expect(steps.step("deploy", () => Promise.reject(new TypeError("gone")))).rejects.toThrow("gone");
  expect(steps.red).toBe(true);
});

test("what differs is told with both values, what is the same is not", () => {
  expect(differs("days", 14, 14)).toEqual([]);
  expect(differs("names", ["a"], ["a"])).toEqual([]);
  expect(differs("days", 4, 14)).toEqual(["days: expected 14, got 4"]);
  expect(differs("days", undefined, 14)).toEqual(["days: expected 14, got nothing"]);
});

test("a deployment's own functions are those that the CDK did not bring; one of a type is the only one", () => {
  const resource = (type: string, path: string) => ({ type, path, physicalId: path }) as DeployedResource;
  const lambda = "AWS::Lambda::Function";
  const own = resource(lambda, "Sluice/Api/Submit");
  const table = resource("AWS::DynamoDB::GlobalTable", "Data/Table");
  const deployment = new Deployment([own, resource(lambda, "Custom::S3AutoDeleteObjects/Handler"), table], false);
  expect(deployment.functions).toEqual([own]);
  expect(deployment.only("AWS::DynamoDB::GlobalTable")).toBe(table);
  expect(() => deployment.only(lambda)).toThrow("expected one AWS::Lambda::Function, got 2");
  expect(() => deployment.only("AWS::S3::Bucket")).toThrow("got none");
});

test("only the CDK's own and what every account has are not left behind", async () => {
  const left = await namesLeft({
    stack: async () => ["CDKToolkit", "sluice-dev-data", "not-CDKToolkit"],
    bucket: async () => ["cdk-hnb659fds-assets-000000000000-us-east-1", "sluice-dev-data-bucket"],
    bus: async () => ["default", "sluicedevdataDataBus"],
    queue: async () => [],
  });
  expect(left).toEqual([
    "bucket sluice-dev-data-bucket",
    "bus sluicedevdataDataBus",
    "stack not-CDKToolkit",
    "stack sluice-dev-data",
  ]);
});
