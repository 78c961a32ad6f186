import { describe, expect, test } from "vitest";
import { labelled, synthesize } from "./synthesize.ts";

const xrayActions = (json: unknown): string[] => JSON.stringify(json).match(/xray:\w+/g) ?? [];

describe("X-Ray", () => {
  test("is off unless it is asked for: nothing is recorded, and no role may", () => {
    const { app } = synthesize();
    for (const { path, properties } of app.ofType("AWS::Lambda::Function")) {
      expect([path, properties.TracingConfig]).toEqual([path, undefined]);
    }
    const [stage] = app.ofType("AWS::ApiGateway::Stage");
    expect(stage?.properties).not.toHaveProperty("TracingEnabled");
    expect(stage?.properties.AccessLogSetting.Format).not.toContain("xray");
    expect(xrayActions(app.json)).toEqual([]);
  });

  test("records the API and every function where it is, and each role may send segments, which no policy can narrow down", () => {
    const synthesized = synthesize({ context: { xray: "true" } });
    const { app } = synthesized;
    const functions = app.ofType("AWS::Lambda::Function");
    for (const { path, properties } of functions) {
      expect([path, properties.TracingConfig]).toEqual([path, { Mode: "Active" }]);
    }
    const [stage] = app.ofType("AWS::ApiGateway::Stage");
    expect(stage?.properties.TracingEnabled).toBe(true);
    expect(JSON.parse(stage?.properties.AccessLogSetting.Format).traceId).toBe("$context.xrayTraceId");
    const statements = app
      .ofType("AWS::IAM::Policy")
      .flatMap(({ properties }) => labelled(synthesized, properties.PolicyDocument.Statement) as { Action: unknown }[])
      .filter(({ Action }) => xrayActions(Action).length > 0);
    expect(statements).toHaveLength(functions.length);
  });

  test("is a yes or no", () => {
    expect(() => synthesize({ context: { xray: "on" } })).toThrow('-c xray=…: must be true or false; got "on"');
  });
});
