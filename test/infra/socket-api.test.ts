import { beforeAll, describe, expect, test } from "vitest";
import { appSource, writeApp } from "./app-files.ts";
import { labelled, type Synthesized, synthesize } from "./synthesize.ts";

let synthesized: Synthesized;
beforeAll(() => {
  synthesized = synthesize();
});

// biome-ignore lint/suspicious/noExplicitAny: properties of a resource
const at = (path: string): any => labelled(synthesized, synthesized.app.at(`Sluice/Sockets/${path}`).properties);

describe("connections", () => {
  test("are let in by the one authorizer, wherever a key or a ticket is: neither is named as a source that must be there", () => {
    const [authorizer, ...others] = synthesized.app.ofType("AWS::ApiGatewayV2::Authorizer");
    expect(others).toEqual([]);
    expect(authorizer?.properties).toMatchObject({ AuthorizerType: "REQUEST", IdentitySource: [] });
    expect(labelled(synthesized, authorizer?.properties.AuthorizerUri)).toContain(
      "<Sluice/Api/AuthorizerFunction>.Arn",
    );
    const routes = synthesized.app.ofType("AWS::ApiGatewayV2::Route");
    const ofKey = Object.fromEntries(routes.map(({ properties }) => [properties.RouteKey, properties]));
    expect(Object.keys(ofKey).sort()).toEqual(["$connect", "$default", "$disconnect"]);
    expect(ofKey.$connect).toMatchObject({ AuthorizationType: "CUSTOM", AuthorizerId: { Ref: authorizer?.id } });
  });

  test("all go to one function, and nothing that it answers goes to clients by itself", () => {
    const integrations = synthesized.app.ofType("AWS::ApiGatewayV2::Integration");
    expect(integrations).toHaveLength(1);
    expect(labelled(synthesized, integrations[0]?.properties.IntegrationUri)).toContain("<Sluice/Sockets/Socket>.Arn");
    expect(integrations[0]?.properties).toMatchObject({ IntegrationType: "AWS_PROXY", TimeoutInMillis: 29_000 });
    expect(synthesized.app.ofType("AWS::ApiGatewayV2::RouteResponse")).toEqual([]);
  });

  test("are throttled as requests are", () => {
    expect(at("Stage").DefaultRouteSettings).toMatchObject({ ThrottlingRateLimit: 100, ThrottlingBurstLimit: 200 });
  });

  test("are logged without frames and without queries, where a ticket would be", () => {
    const { Format, DestinationArn } = at("Stage").AccessLogSettings;
    expect(DestinationArn).toContain("<Sluice/Sockets/AccessLogs>");
    const allowed =
      /^\$context\.(requestId|requestTime|identity\.sourceIp|authorizer\.(tenant|status)|connectionId|eventType|status|integrationLatency|error\.responseType)$/;
    for (const value of Object.values(JSON.parse(Format))) expect(value).toMatch(allowed);
  });

  test("are found by an output", () => {
    expect(labelled(synthesized, synthesized.app.json.Outputs.SluiceSocketUrl.Value)).toBe(
      "wss://<Sluice/Sockets/WebSocketApi>.execute-api.eu-central-1.<AWS::URLSuffix>/live",
    );
  });
});

describe("what there is to send", () => {
  test("is handed in by its own two functions and, ahead of the log, by capabilities alone", () => {
    const senders = synthesized.app
      .ofType("AWS::Lambda::Function")
      .filter(({ properties }) => "SLUICE_SOCKET_ENDPOINT" in properties.Environment.Variables)
      .map(({ path }) => path);
    const capabilities = synthesized.app
      .ofType("AWS::Lambda::Function")
      .flatMap(({ path }) => (/\/Capability-[^/]+\/Worker$/.test(path) ? [path] : []));
    expect(capabilities.length).toBeGreaterThan(1);
    expect(senders.sort()).toEqual([...capabilities, "Sluice/Sockets/Delivery", "Sluice/Sockets/Socket"].sort());
  });

  test("waits in order for each job, of which many come at once", () => {
    expect(at("Queue")).toMatchObject({
      FifoQueue: true,
      DeduplicationScope: "messageGroup",
      FifoThroughputLimit: "perMessageGroupId",
      MessageRetentionPeriod: 7_200,
      RedrivePolicy: { deadLetterTargetArn: "<Sluice/Sockets/DeadLetters>.Arn", maxReceiveCount: 5 },
    });
    expect(at("DeadLetters")).toMatchObject({ FifoQueue: true, MessageRetentionPeriod: 14 * 86_400 });
    expect(at("Queue").VisibilityTimeout).toBeGreaterThan(at("Delivery").Timeout);
  });

  test("is sent by at most 20 at once, so that those who watch do not take the place of those who work", () => {
    expect(at("Messages")).toMatchObject({
      FunctionName: "<Sluice/Sockets/Delivery>",
      EventSourceArn: "<Sluice/Sockets/Queue>.Arn",
      BatchSize: 10,
      ScalingConfig: { MaximumConcurrency: 20 },
      FunctionResponseTypes: ["ReportBatchItemFailures"],
    });
  });
});

describe("without it", () => {
  const without = (): Synthesized =>
    synthesize({ context: { app: writeApp(appSource({ capabilities: { echo: {} } })), webSocket: "false" } });

  test("there is no API, and nobody is asked or told whether anybody watches", () => {
    const { app } = without();
    expect(app.resources.filter(({ type, path }) => /ApiGatewayV2|Sockets/.test(`${type} ${path}`))).toEqual([]);
    expect(app.json.Outputs).not.toHaveProperty("SluiceSocketUrl");
    for (const { path, properties } of app.ofType("AWS::Lambda::Function")) {
      expect([path, Object.keys(properties.Environment.Variables)]).toEqual([
        path,
        expect.not.arrayContaining([expect.stringMatching(/SOCKET|DELIVERY/)]),
      ]);
    }
    expect(JSON.stringify(app.ofType("AWS::IAM::Policy"))).not.toContain("execute-api");
  });
});

test("a stage with access logs waits for the account's role where that is made here", () => {
  const { app } = synthesize({ context: { createApiGatewayAccountRole: "true" } });
  const { id } = app.at("Sluice/Sockets/Stage");
  const [account] = app.ofType("AWS::ApiGateway::Account");
  expect(app.json.Resources[id].DependsOn).toContain(account?.id);
});
