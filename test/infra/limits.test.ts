import { beforeAll, describe, expect, test } from "vitest";
import { appSource, writeApp } from "./app-files.ts";
import { evaluate } from "./evaluate.ts";
import { ACCOUNT, REGION, type Synthesized, synthesize } from "./synthesize.ts";

/** The most that one stack holds, at 16 resources each; all of the longest names. */
const CAPABILITIES = 14;
const WORKFLOWS = 5;

let synthesized: Synthesized;
beforeAll(() => {
  const long = (letter: string, n: number): string => `${letter.repeat(38)}${String(n).padStart(2, "0")}`;
  const app = writeApp(
    appSource({
      capabilities: Object.fromEntries(Array.from({ length: CAPABILITIES }, (_, n) => [long("c", n), {}])),
      workflows: Array.from({ length: WORKFLOWS }, (_, n) => long("w", n)),
    }),
  );
  synthesized = synthesize({ context: { app } });
});

describe(`an instance of ${CAPABILITIES} capabilities and ${WORKFLOWS} workflows keeps within the limits of`, () => {
  test("CloudFormation: 500 resources, 1 MB", () => {
    expect(synthesized.app.resources.length).toBeLessThanOrEqual(500);
    expect(JSON.stringify(synthesized.app.json, undefined, 1).length).toBeLessThan(1_000_000);
  });

  test("IAM: 10,240 characters of policies in a role", () => {
    const queue = `arn:aws:sqs:${REGION}:${ACCOUNT}:${"q".repeat(80)}`;
    const refer = (id: string): string =>
      synthesized.app.byId(id)?.type === "AWS::SQS::Queue" ? queue : "r".repeat(120);
    const sizes = new Map<string, number>();
    for (const { properties } of synthesized.app.ofType("AWS::IAM::Policy")) {
      const role = properties.Roles[0].Ref;
      const size = JSON.stringify(evaluate(properties.PolicyDocument, refer)).length;
      sizes.set(role, (sizes.get(role) ?? 0) + size);
    }
    expect(Math.max(...sizes.values())).toBeLessThanOrEqual(10_240);
  });

  test("CloudWatch: 500 widgets of a dashboard", () => {
    const [dashboard] = synthesized.app.ofType("AWS::CloudWatch::Dashboard");
    const body = evaluate(dashboard?.properties.DashboardBody, (id) => id) as string;
    expect(JSON.parse(body).widgets.length).toBeLessThanOrEqual(500);
  });
});
