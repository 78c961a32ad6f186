import { beforeAll, describe, expect, test } from "vitest";
import { CORS_EXPOSED_HEADERS } from "../../src/contract/cors.ts";
import { allRoutes } from "../../src/contract/routes.ts";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { functionKindAt } from "../../tools/emulator/function-kind.ts";
import { type Resource, type Synthesized, synthesize } from "./synthesize.ts";

const PAGES = ["https://app.example.org", "http://localhost:5173"];
let one: Synthesized;
let two: Synthesized;
let any: Synthesized;
let off: Synthesized;
beforeAll(() => {
  one = synthesize({ context: { corsOrigins: "https://app.example.org", corsMaxAgeSeconds: "60" } });
  two = synthesize({ context: { corsOrigins: PAGES.join(", ") } });
  any = synthesize({ context: { corsOrigins: "*" } });
  off = synthesize();
});

const preflights = ({ app }: Synthesized): Resource[] =>
  app.ofType("AWS::ApiGateway::Method").filter(({ properties }) => properties.HttpMethod === "OPTIONS");
const headersOf = ({ properties }: Resource): Record<string, string> =>
  Object.fromEntries(
    Object.entries(properties.Integration.IntegrationResponses[0].ResponseParameters).map(([name, value]) => [
      name.replace("method.response.header.", ""),
      String(value),
    ]),
  );
const gatewayOrigins = ({ app }: Synthesized): unknown[] =>
  app
    .ofType("AWS::ApiGateway::GatewayResponse")
    .map(({ properties }) => properties.ResponseParameters["gatewayresponse.header.Access-Control-Allow-Origin"]);

test("without the setting there is nothing of it", () => {
  expect(preflights(off)).toEqual([]);
  expect(JSON.stringify(off.app.json)).not.toMatch(/Access-Control|SLUICE_CORS/);
});

test("every path answers what a browser asks before a request, by API Gateway itself, with its own methods", () => {
  const paths = new Set(allRoutes.map(({ path }) => path));
  expect(preflights(one)).toHaveLength(paths.size);
  for (const method of preflights(one)) {
    expect(method.properties).toMatchObject({ AuthorizationType: "NONE", Integration: { Type: "MOCK" } });
    expect(headersOf(method)).toMatchObject({
      "Access-Control-Allow-Origin": "'https://app.example.org'",
      "Access-Control-Max-Age": "'60'",
    });
  }
  const jobs = preflights(one).find(({ path }) => path.endsWith("/v1/jobs/OPTIONS"));
  expect(jobs && headersOf(jobs)["Access-Control-Allow-Methods"]).toBe("'POST,GET'");
  expect(jobs && headersOf(jobs)["Access-Control-Allow-Headers"]).toContain("Authorization");
});

test("no answer asks for credentials", () => {
  for (const synthesized of [one, two, any]) {
    expect(JSON.stringify(synthesized.app.json)).not.toContain("Allow-Credentials");
  }
});

test("API Gateway's own answers may be read by the listed origin; by all where it cannot tell them apart", () => {
  expect(new Set(gatewayOrigins(one))).toEqual(new Set(["'https://app.example.org'"]));
  expect(new Set(gatewayOrigins(two))).toEqual(new Set(["'*'"]));
  expect(new Set(gatewayOrigins(any))).toEqual(new Set(["'*'"]));
  for (const { properties } of one.app.ofType("AWS::ApiGateway::GatewayResponse")) {
    const exposed = properties.ResponseParameters["gatewayresponse.header.Access-Control-Expose-Headers"];
    expect(exposed).toBe(`'${CORS_EXPOSED_HEADERS.join(", ")}'`);
  }
});

test("each function behind the API, and the authorizer, is told the origins; no other is", () => {
  const told = two.app
    .ofType("AWS::Lambda::Function")
    .filter(({ properties }) => "SLUICE_CORS" in (properties.Environment?.Variables ?? {}))
    .map(({ path, properties }) => [path, JSON.parse(properties.Environment.Variables.SLUICE_CORS)]);
  const expected = [...new Set(allRoutes.map(({ lambda }) => lambda.replaceAll("-", ""))), "authorizer"].sort();
  expect(told.map(([path]) => functionKindAt(path).replaceAll("-", "")).sort()).toEqual(expected);
  for (const [, cors] of told) expect(cors).toEqual({ origins: PAGES, maxAgeSeconds: 600 });
});

test("a function parses what it is told", () => {
  const variables = { SLUICE_STAGE: "dev", SLUICE_CORS: JSON.stringify({ origins: PAGES, maxAgeSeconds: 5 }) };
  expect(parseEnvironment("health", variables).SLUICE_CORS).toEqual({ origins: PAGES, maxAgeSeconds: 5 });
  expect(() => parseEnvironment("health", { ...variables, SLUICE_CORS: "https://app.example.org" })).toThrow(
    /SLUICE_CORS: must be JSON such as/,
  );
});

describe("a setting that is no origin fails at synth, and says which", () => {
  test.each([
    ["corsOrigins", "https://app.example.org/"],
    ["corsOrigins", "https://*.example.org"],
    ["corsOrigins", "app.example.org"],
    ["corsOrigins", ""],
    ["corsMaxAgeSeconds", "-1"],
    ["corsMaxAgeSeconds", "a day"],
  ])("-c %s=%s", (name, value) => {
    expect(() => synthesize({ context: { corsOrigins: PAGES[0], [name]: value } })).toThrow(`-c ${name}=…`);
  });
});
