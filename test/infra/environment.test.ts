import { beforeAll, expect, test } from "vitest";
import { ENVIRONMENTS, type FunctionKind, parseEnvironment } from "../../src/engines/aws/environment.ts";
import { functionKindAt } from "../../tools/emulator/function-kind.ts";
import { appSource, writeApp } from "./app-files.ts";
import { evaluate } from "./evaluate.ts";
import { ACCOUNT, REGION, type Synthesized, type SynthesizedStack, synthesize } from "./synthesize.ts";

let synthesized: Synthesized;
beforeAll(() => {
  const capabilities = { plain: {}, thinker: { usesModel: true, secrets: ["SEARCH_KEY"] } };
  const app = writeApp(appSource({ capabilities, options: { model: "openai:gpt-5" } }));
  synthesized = synthesize({ context: { app, otlpEndpoint: "https://collector.example.org:4318", logLevel: "DEBUG" } });
});

/** What a deployed resource is called; the number of the deployment is what its function answers. */
function deployed({ data, app }: Synthesized): (id: string, attribute: string) => string {
  const referIn = (stack: SynthesizedStack) => (id: string, attribute: string) => {
    if (attribute === "Import") {
      const outputs = Object.values(data.json.Outputs) as { Value: unknown; Export: { Name: string } }[];
      const found = outputs.find(({ Export }) => Export.Name === id);
      return evaluate(found?.Value, referIn(data)) as string;
    }
    if (id === "AWS::AccountId") return ACCOUNT;
    if (id === "AWS::Region") return REGION;
    if (id === "AWS::Partition") return "aws";
    if (id === "AWS::URLSuffix") return "amazonaws.com";
    const resource = stack.byId(id);
    const name = resource?.properties.QueueName ?? resource?.properties.Name ?? `${id.toLowerCase()}-1a2b3c`;
    switch (`${resource?.type}.${attribute}`) {
      case "AWS::SQS::Queue.Ref":
        return `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${name}`;
      case "AWS::SecretsManager::Secret.Ref":
        return `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:${name}`;
      case "AWS::DynamoDB::GlobalTable.Ref":
      case "AWS::S3::Bucket.Ref":
      case "AWS::Events::EventBus.Ref":
        return name;
      case "AWS::ApiGatewayV2::Api.Ref":
        return "a1b2c3";
      case "AWS::ApiGatewayV2::Stage.Ref":
        return "live";
      case "Custom::SluiceDeployment.DeploySeq":
        return "42";
      default:
        throw new RangeError(`the test does not know what ${attribute} of ${id} (${resource?.type}) is`);
    }
  };
  return referIn(app);
}

test("every function finds in its environment what it parses when it starts", () => {
  const functions = synthesized.app.ofType("AWS::Lambda::Function");
  const kinds = new Set<FunctionKind>();
  for (const { path, properties } of functions) {
    const variables = evaluate(properties.Environment.Variables, deployed(synthesized)) as Record<string, string>;
    const kind = functionKindAt(path);
    kinds.add(kind);
    const parsed = parseEnvironment(kind, variables);
    expect(parsed.SLUICE_STAGE).toBe("dev");
    if ("SLUICE_DEPLOY_SEQ" in parsed) expect(parsed.SLUICE_DEPLOY_SEQ).toBe(42);
    if ("SLUICE_QUEUE_URL_PREFIX" in parsed) {
      expect(parsed.SLUICE_QUEUE_URL_PREFIX).toMatch(
        /^https:\/\/sqs\.eu-central-1\.amazonaws\.com\/111122223333\/[\w-]+-$/,
      );
    }
    if ("SLUICE_SOCKET_ENDPOINT" in parsed) {
      expect(parsed.SLUICE_SOCKET_ENDPOINT).toBe("https://a1b2c3.execute-api.eu-central-1.amazonaws.com/live");
    }
    if (kind === "tickets") {
      expect(parsed).toHaveProperty("SLUICE_SOCKET_URL", "wss://a1b2c3.execute-api.eu-central-1.amazonaws.com/live");
    }
    if ("SLUICE_DELIVERY_QUEUE_URL" in parsed) {
      expect(parsed.SLUICE_DELIVERY_QUEUE_URL).toContain("/sluicesocketsqueue");
    }
    if ("SLUICE_TABLE" in parsed) expect(parsed.SLUICE_TABLE).toMatch(/^datatable/);
    const known = [
      ...Object.keys(parsed),
      "POWERTOOLS_LOG_LEVEL",
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "OTEL_TRACES_SAMPLER_ARG",
    ];
    expect(known).toEqual(expect.arrayContaining(Object.keys(variables)));
    expect(variables).toMatchObject({
      POWERTOOLS_LOG_LEVEL: "DEBUG",
      OTEL_EXPORTER_OTLP_ENDPOINT: "https://collector.example.org:4318",
      OTEL_TRACES_SAMPLER_ARG: "0.05",
    });
  }
  expect([...kinds].sort()).toEqual(Object.keys(ENVIRONMENTS).sort());
});

test("a worker knows its capability, its model and where its secrets are, an advance its workflow", () => {
  const variables = (path: string): Record<string, string> =>
    evaluate(synthesized.app.at(`${path}/Worker`).properties.Environment.Variables, deployed(synthesized)) as Record<
      string,
      string
    >;
  const thinker = parseEnvironment("worker", variables("Sluice/Pipeline/Capability-thinker"));
  expect(thinker).toMatchObject({ SLUICE_CAPABILITY: "thinker", SLUICE_MODEL: "openai:gpt-5" });
  expect(Object.keys(thinker.SLUICE_SECRETS ?? {})).toEqual(["OPENAI_API_KEY", "SEARCH_KEY"]);
  const plain = parseEnvironment("worker", variables("Sluice/Pipeline/Capability-plain"));
  expect(plain).toMatchObject({ SLUICE_CAPABILITY: "plain" });
  expect(plain).not.toHaveProperty("SLUICE_SECRETS");
  expect(parseEnvironment("advance", variables("Sluice/Pipeline/Workflow-main"))).toMatchObject({
    SLUICE_WORKFLOW: "main",
  });
});

test.each([
  ["DEBUG", "DEBUG"],
  ["INFO", "INFO"],
  ["WARN", "INFO"],
  ["ERROR", "INFO"],
])(
  "at level %s Lambda drops what is below %s: metrics are lines without a level, which it takes for INFO",
  (logLevel, lambda) => {
    const app = writeApp(appSource({ capabilities: { plain: {} } }));
    const functions = synthesize({ context: { app, logLevel } }).app.ofType("AWS::Lambda::Function");
    for (const { properties } of functions) {
      expect(properties.LoggingConfig.ApplicationLogLevel).toBe(lambda);
      expect(properties.Environment.Variables.POWERTOOLS_LOG_LEVEL).toBe(logLevel);
    }
  },
);
