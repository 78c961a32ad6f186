import { Match } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";
import { Problem } from "../../src/contract/problem.ts";
import { allRoutes } from "../../src/contract/routes.ts";
import { labelled, type Resource, type Synthesized, synthesize } from "./synthesize.ts";

let synthesized: Synthesized;
beforeAll(() => {
  synthesized = synthesize();
});

interface TemplateMethod {
  readonly route: string;
  readonly authorization: string;
  readonly authorizer: string | undefined;
}

/** The methods of a template, by the paths that API Gateway makes of its resources. Knows nothing of our constructs. */
// biome-ignore lint/suspicious/noExplicitAny: a template
function methodsOf(template: any): TemplateMethod[] {
  // biome-ignore lint/suspicious/noExplicitAny: properties of a resource
  const all = Object.entries<any>(template.Resources);
  const pathOf = (id: string): string => {
    const { ParentId, PathPart } = template.Resources[id].Properties;
    return `${"Ref" in ParentId ? pathOf(ParentId.Ref) : ""}/${PathPart}`;
  };
  return all
    .filter(([, { Type }]) => Type === "AWS::ApiGateway::Method")
    .map(([, { Properties }]) => ({
      route: `${Properties.HttpMethod} ${Properties.ResourceId.Ref ? pathOf(Properties.ResourceId.Ref) : "/"}`,
      authorization: Properties.AuthorizationType,
      authorizer: Properties.AuthorizerId && template.Resources[Properties.AuthorizerId.Ref]?.Type,
    }));
}

/** Routes of a template that anybody may call. */
// biome-ignore lint/suspicious/noExplicitAny: a template
const openRoutes = (template: any): string[] =>
  methodsOf(template)
    .filter(
      ({ authorization, authorizer }) => authorization !== "CUSTOM" || authorizer !== "AWS::ApiGateway::Authorizer",
    )
    .map(({ route }) => route);

describe("the API is closed", () => {
  test("but for GET /healthz", () => {
    expect(openRoutes(synthesized.app.json)).toEqual(["GET /healthz"]);
  });

  test("and one method without the authorizer would be seen", () => {
    const json = structuredClone(synthesized.app.json);
    const { id } = synthesized.app.at("Sluice/Api/RestApi/Default/v1/jobs/GET");
    json.Resources[id].Properties.AuthorizationType = "NONE";
    delete json.Resources[id].Properties.AuthorizerId;
    expect(openRoutes(json)).toEqual(["GET /v1/jobs", "GET /healthz"]);
  });

  test("to whoever sends no Authorization header: it is what answers are kept by, for a minute", () => {
    const authorizer = synthesized.app.at("Sluice/Api/Authorizer");
    expect(authorizer.properties).toMatchObject({
      Type: "REQUEST",
      IdentitySource: "method.request.header.Authorization",
      AuthorizerResultTtlInSeconds: 60,
    });
  });

  test("but for events, which a ticket in the query opens, too: nothing is kept of its answers, and nothing has to be there", () => {
    const tickets = synthesized.app.at("Sluice/Api/TicketAuthorizer");
    expect(tickets.properties).toMatchObject({ Type: "REQUEST", AuthorizerResultTtlInSeconds: 0 });
    expect(tickets.properties).not.toHaveProperty("IdentitySource");
    const guarded = synthesized.app
      .ofType("AWS::ApiGateway::Method")
      .filter(({ properties }) => properties.AuthorizerId?.Ref === tickets.id)
      .map(({ properties }) => properties.OperationName);
    expect(guarded).toEqual(["getJobEvents"]);
  });

  test("by one function, whichever authorizer asks it", () => {
    const authorizers = synthesized.app.ofType("AWS::ApiGateway::Authorizer");
    expect(authorizers).toHaveLength(2);
    for (const { properties } of authorizers) {
      expect(labelled(synthesized, properties.AuthorizerUri)).toContain("<Sluice/Api/AuthorizerFunction>.Arn");
    }
  });

  test("has no other door: no function URL, and only its own APIs and rules may call a function", () => {
    synthesized.app.template.resourceCountIs("AWS::Lambda::Url", 0);
    const permissions = synthesized.app.ofType("AWS::Lambda::Permission");
    expect(permissions.length).toBeGreaterThan(0);
    for (const { properties } of permissions) {
      const { Principal, SourceArn } = labelled(synthesized, properties) as Record<string, string>;
      expect(["apigateway.amazonaws.com", "events.amazonaws.com"]).toContain(Principal);
      expect(SourceArn).toMatch(/<Sluice\/(Api\/RestApi|Sockets\/WebSocketApi|Operations\/Schedule)>/);
    }
  });
});

test("routes are those of the contract, each with the function that the contract names", () => {
  const methods = synthesized.app.ofType("AWS::ApiGateway::Method");
  const integrations = Object.fromEntries(
    methods.map(({ properties }) => [
      properties.OperationName,
      String(labelled(synthesized, properties.Integration.Uri)).toLowerCase(),
    ]),
  );
  expect(
    methodsOf(synthesized.app.json)
      .map(({ route }) => route)
      .sort(),
  ).toEqual(allRoutes.map(({ method, path }) => `${method} ${path}`).sort());
  for (const { operationId, lambda } of allRoutes) {
    const construct = lambda.replaceAll("-", "");
    const invocations = lambda === "events" ? "response-streaming-invocations" : "invocations";
    expect(integrations[operationId]).toContain(`<sluice/api/${construct}>.arn/${invocations}`);
  }
});

describe("readers who stay", () => {
  const integrationOf = (operation: string) =>
    synthesized.app.ofType("AWS::ApiGateway::Method").find(({ properties }) => properties.OperationName === operation)
      ?.properties.Integration;
  const functionOf = (of: Synthesized, name: string) => of.app.at(`Sluice/Api/${name}`).properties;

  test("get events as they come, for as long as API Gateway and the function may; nothing else streams", () => {
    expect(integrationOf("getJobEvents")).toMatchObject({ ResponseTransferMode: "STREAM", TimeoutInMillis: 900_000 });
    expect(functionOf(synthesized, "Events").Timeout).toBe(900);
    const streaming = synthesized.app
      .ofType("AWS::ApiGateway::Method")
      .filter(({ properties }) => properties.Integration.ResponseTransferMode !== undefined);
    expect(streaming).toHaveLength(1);
  });

  test("may wait for a job's end for as long as API Gateway does", () => {
    expect(functionOf(synthesized, "Submit").Timeout).toBe(29);
    expect(integrationOf("submitJob").TimeoutInMillis).toBeUndefined();
  });

  test("are 50 of each at most, and nothing is reserved, unless settings say otherwise", () => {
    expect(functionOf(synthesized, "Events").Environment.Variables.SLUICE_STREAMS).toBe("50");
    expect(functionOf(synthesized, "Submit").Environment.Variables.SLUICE_WAITS).toBe("50");
    synthesized.app.template.allResourcesProperties("AWS::Lambda::Function", {
      ReservedConcurrentExecutions: Match.absent(),
    });
    const other = synthesize({ context: { streams: "0", waits: "7", reservedForEvents: "20" } });
    expect(functionOf(other, "Events")).toMatchObject({
      ReservedConcurrentExecutions: 20,
      Environment: { Variables: { SLUICE_STREAMS: "0" } },
    });
    expect(functionOf(other, "Submit").Environment.Variables.SLUICE_WAITS).toBe("7");
  });

  test.each([
    [{ streams: "-1" }, "-c streams=…: must not be negative"],
    [{ waits: "many" }, "-c waits=…: must be a whole number"],
    [{ streams: "1001" }, "streams must be a whole number from 0 to 1000; got 1001"],
    [{ reservedForEvents: "0" }, "reservedForEvents must be a whole number from 1 to 1000; got 0"],
    [{ reservedForEvents: "50" }, "reservedForEvents must be above streams, which is 50; got 50"],
  ])("%j is refused", (context, message) => {
    expect(() => synthesize({ context })).toThrow(message);
  });
});

describe("requests", () => {
  test("are validated, each by a validator, and a body that must be there must be an object", () => {
    const methods = synthesized.app.ofType("AWS::ApiGateway::Method");
    const needBodies = allRoutes.filter(({ body, bodyOptional }) => body !== undefined && !bodyOptional);
    const bodies = new Set(needBodies.map(({ operationId }) => operationId));
    expect([...bodies]).toEqual(["submitJob", "discardDeadLetter", "addWebhookEndpoint", "createTicket"]);
    for (const { path, properties } of methods) {
      const validator = synthesized.app.byId(properties.RequestValidatorId?.Ref);
      expect([path, validator?.properties]).toEqual([
        path,
        expect.objectContaining({ ValidateRequestBody: true, ValidateRequestParameters: true }),
      ]);
      const model = synthesized.app.byId(properties.RequestModels?.["application/json"]?.Ref);
      // API Gateway may take no body for none of the model's: where it may be left out, the handler says what it may be.
      if (bodies.has(properties.OperationName)) expect(model?.properties.Schema).toMatchObject({ type: "object" });
      else expect(model).toBeUndefined();
    }
  });

  test("are throttled by the settings, 100 a second by default", () => {
    synthesized.app.template.hasResourceProperties("AWS::ApiGateway::Stage", {
      MethodSettings: [
        {
          HttpMethod: "*",
          ResourcePath: "/*",
          ThrottlingRateLimit: 100,
          ThrottlingBurstLimit: 200,
          DataTraceEnabled: false,
        },
      ],
    });
  });

  test("are logged without what is in them", () => {
    const [stage] = synthesized.app.ofType("AWS::ApiGateway::Stage");
    const { Format, DestinationArn } = stage?.properties.AccessLogSetting ?? {};
    expect(labelled(synthesized, DestinationArn)).toContain("<Sluice/Api/AccessLogs>");
    expect(Object.keys(JSON.parse(Format))).toContain("requestId");
    const allowed =
      /^\$context\.(requestId|requestTime|identity\.sourceIp|authorizer\.(tenant|status)|httpMethod|resourcePath|path|status|responseLength|responseLatency|integrationLatency|error\.responseType)$/;
    for (const value of Object.values(JSON.parse(Format))) expect(value).toMatch(allowed);
  });

  test("go to a regional endpoint of an API that has the instance's own name", () => {
    const [api] = synthesized.app.ofType("AWS::ApiGateway::RestApi");
    expect(api?.properties.EndpointConfiguration).toEqual({ Types: ["REGIONAL"] });
    expect(api?.properties.Name).toBe("sluice-dev");
  });
});

describe("what API Gateway answers by itself is a problem document", () => {
  const responses = (): Resource[] => synthesized.app.ofType("AWS::ApiGateway::GatewayResponse");
  /** As API Gateway replaces variables: `messageString` comes in quotes, others are put in as they are. */
  const rendered = (template: string): string =>
    template
      .replaceAll("$context.error.messageString", '"say \\"please\\""')
      .replaceAll("$context.requestId", "3f0c0d52-6c43-4d6c-9c2b-0d6c7d0f0001");

  test("for each kind, with the status that it is sent under", () => {
    expect(responses().length).toBeGreaterThan(10);
    for (const { properties } of responses()) {
      const body = rendered(properties.ResponseTemplates["application/json"]);
      expect(body).not.toContain("$");
      const problem = JSON.parse(body);
      const known = Problem.partial({ status: true }).loose().parse(problem);
      expect(known.detail).not.toBe("");
      if (problem.status !== undefined) expect(String(problem.status)).toBe(properties.StatusCode);
      expect(properties.ResponseParameters["gatewayresponse.header.Content-Type"]).toBe("'application/problem+json'");
    }
  });

  test("also for kinds that have none of their own", () => {
    const kinds = responses().map(({ properties }) => properties.ResponseType);
    expect(new Set(kinds).size).toBe(kinds.length);
    expect(kinds).toEqual(expect.arrayContaining(["DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED", "THROTTLED"]));
  });

  test("that repeats nothing of the Authorization header", () => {
    const quoting = responses().filter(({ properties }) =>
      properties.ResponseTemplates["application/json"].includes("$context.error"),
    );
    expect(quoting.map(({ properties }) => properties.ResponseType)).toEqual(["BAD_REQUEST_PARAMETERS"]);
  });

  test("and says in headers who is asked for and when to come again", () => {
    const header = (type: string, name: string): string | undefined =>
      responses().find(({ properties }) => properties.ResponseType === type)?.properties.ResponseParameters[
        `gatewayresponse.header.${name}`
      ];
    expect(header("UNAUTHORIZED", "WWW-Authenticate")).toBe("'Bearer'");
    expect(header("THROTTLED", "Retry-After")).toMatch(/^'\d+'$/);
  });
});

describe("the account's role for logs of API Gateway", () => {
  test("is not touched unless that is asked for", () => {
    synthesized.app.template.resourceCountIs("AWS::ApiGateway::Account", 0);
  });

  test("is made when it is", () => {
    const { app } = synthesize({ context: { createApiGatewayAccountRole: "true" } });
    app.template.resourceCountIs("AWS::ApiGateway::Account", 1);
  });
});
