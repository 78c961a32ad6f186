import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { CloudFormationCustomResourceEvent } from "aws-lambda";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { countDeployment } from "../../lambdas/deployment/count-deployment.ts";
import { createHandler, type DeploymentProps } from "../../lambdas/deployment/create-handler.ts";
import event from "../../lambdas/deployment/event.json" with { type: "json" };
import { lookAtSecret } from "../../lambdas/deployment/look-at-secret.ts";
import { startLocalAws } from "../../src/testing/local-aws/local-aws.ts";
import { SecretsManager } from "../../src/testing/local-aws/secrets-manager.ts";

interface Put {
  readonly body: string;
  readonly answer: Record<string, unknown> & { readonly Reason?: string };
  readonly headers: IncomingHttpHeaders;
}

/** CloudFormation's side: what was put to its URL. The first `failures` tries get a 503. */
let puts: Put[];
let failures: number;
let server: Server;
let url: string;
const lines: unknown[] = [];
const line = (...what: unknown[]) => void lines.push(what);
const logger = { debug: line, info: line, warn: line, error: line };

beforeEach(async () => {
  puts = [];
  failures = 0;
  lines.length = 0;
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    expect(request.method).toBe("PUT");
    puts.push({ body, answer: JSON.parse(body), headers: request.headers });
    response.writeHead(puts.length <= failures ? 503 : 200).end("said");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/answer?Signature=secret-signature`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

let number = 6;
const next = async () => ++number;
const deploy = (more: object = {}, props: Partial<DeploymentProps> = {}) =>
  createHandler({ next, look: async () => "usable", logger, retryMs: 1, ...props })({
    ...event,
    ResponseURL: url,
    ...more,
  } as unknown as CloudFormationCustomResourceEvent);
const withSecrets = (...secrets: object[]) => ({
  ResourceProperties: { ...event.ResourceProperties, Secrets: secrets },
});

describe("the answer to CloudFormation", () => {
  test("a deployment gets its number, and only the documented fields", async () => {
    await deploy();
    expect(puts.map(({ answer }) => answer)).toEqual([
      {
        Status: "SUCCESS",
        StackId: event.StackId,
        RequestId: event.RequestId,
        LogicalResourceId: event.LogicalResourceId,
        PhysicalResourceId: "deployments",
        Data: { DeploySeq: "7" },
      },
    ]);
    expect(puts[0]?.headers["content-type"] ?? "").toBe("");
  });

  test("a counter that fails fails the deployment, and says why", async () => {
    const next = () => Promise.reject(new RangeError("the table is not there"));
    await deploy({}, { next });
    expect(puts[0]?.answer).toMatchObject({
      Status: "FAILED",
      Reason: "the deployment could not be counted: RangeError: the table is not there",
    });
    expect(JSON.stringify(lines)).not.toContain("secret-signature");
  });

  test("a deletion succeeds without a number, whatever its secrets and the table are", async () => {
    const broken = () => Promise.reject(new Error("gone"));
    const secrets = { ResourceProperties: { Secrets: "malformed" } };
    await deploy(
      { RequestType: "Delete", PhysicalResourceId: "deployments", ...secrets },
      { next: broken, look: broken },
    );
    expect(puts[0]?.answer).toMatchObject({ Status: "SUCCESS", Data: {} });
  });

  test("is tried again, the same, until it is taken", async () => {
    failures = 3;
    const before = number;
    await deploy();
    expect(puts).toHaveLength(4);
    expect(new Set(puts.map(({ body }) => body)).size).toBe(1);
    expect(number).toBe(before + 1);
  });

  test("that is never taken is an error of the function, which Lambda invokes again", async () => {
    failures = 99;
    await expect(deploy()).rejects.toThrow("CloudFormation's answer was 503");
    expect(puts).toHaveLength(4);
  });

  test("fits CloudFormation's 4096 bytes, however long the reason is", async () => {
    const next = () => Promise.reject(new Error('"ü€'.repeat(5_000)));
    await deploy({}, { next });
    const { body = "", answer } = puts[0] ?? {};
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(4_096);
    expect(Buffer.byteLength(body)).toBeGreaterThan(3_900);
    expect(answer?.Reason).toMatch(/^the deployment could not be counted.*…$/);
  });
});

describe("secrets", () => {
  let secretsManager: SecretsManager;
  let client: SecretsManagerClient;
  beforeEach(async () => {
    secretsManager = new SecretsManager();
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    client = new SecretsManagerClient({
      region: "us-east-1",
      endpoint: await secretsManager.listen(),
      credentials,
      maxAttempts: 1,
    });
  });
  afterEach(() => secretsManager.close());
  const look = (arn: string) => lookAtSecret(arn, client);
  const missing = (name: string) => `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}`;

  test("that are all there let the deployment go on; none is read", async () => {
    const arn = secretsManager.create("openai", "sk-1");
    await deploy(withSecrets({ variable: "OPENAI_API_KEY", arn }), { look });
    expect(puts[0]?.answer).toMatchObject({ Status: "SUCCESS" });
    expect(secretsManager.calls).toEqual(["DescribeSecret"]);
  });

  test("that are missing, empty or deleted fail it: all are named with the command that helps", async () => {
    const before = number;
    const empty = secretsManager.create("empty", undefined);
    const gone = secretsManager.create("gone", "sk-2");
    secretsManager.deleted.add(gone);
    const secrets = [
      { variable: "OPENAI_API_KEY", arn: missing("prod/openai") },
      { variable: "FINE", arn: secretsManager.create("fine", "sk-1") },
      { variable: "TOOL_TOKEN", arn: empty },
      { variable: "OTHER", arn: gone },
    ];
    await deploy(withSecrets(...secrets), { look });
    const { Status, Reason } = puts[0]?.answer ?? {};
    expect(Status).toBe("FAILED");
    expect(Reason).toContain("OPENAI_API_KEY is missing, TOOL_TOKEN is empty, OTHER is deleted");
    expect(Reason).toContain("aws secretsmanager create-secret --name prod/openai --secret-string …");
    expect(Reason).toContain("aws secretsmanager put-secret-value --secret-id empty-AbCdEf --secret-string …");
    expect(Reason).toContain("aws secretsmanager restore-secret --secret-id gone-AbCdEf");
    expect(Reason).not.toContain("FINE");
    expect(number).toBe(before);
  });

  test("of the deployment before do not fail the way back to it", async () => {
    const Secrets = [{ variable: "OLD", arn: missing("old") }];
    const back = {
      RequestType: "Update",
      PhysicalResourceId: "deployments",
      OldResourceProperties: { Secrets: [...Secrets, { variable: "NEW", arn: missing("new") }] },
    };
    await deploy({ ...back, ...withSecrets(...Secrets) }, { look });
    expect(puts[0]?.answer).toMatchObject({ Status: "SUCCESS" });
    await deploy({ ...back, OldResourceProperties: {}, ...withSecrets(...Secrets) }, { look });
    expect(puts[1]?.answer).toMatchObject({ Status: "FAILED" });
  });

  test("that cannot be looked at fail it with the reason", async () => {
    secretsManager.before = () => {
      throw new Error("down");
    };
    await deploy(withSecrets({ variable: "X", arn: missing("x") }), { look });
    expect(puts[0]?.answer).toMatchObject({ Status: "FAILED", Reason: expect.stringContaining("down") });
  });

  test("of another shape fail it: nothing is silent", async () => {
    await deploy(withSecrets({ variable: "X" }));
    expect(puts[0]?.answer).toMatchObject({ Status: "FAILED", Reason: expect.stringContaining("arn") });
  });

  test("many missing ones fit the answer, every one named", async () => {
    const secrets = Array.from({ length: 20 }, (_, n) => ({
      variable: `SOME_PROVIDERS_API_KEY_${n}`,
      arn: missing(`prod/providers/${n}`),
    }));
    await deploy(withSecrets(...secrets), { look });
    const { body = "", answer } = puts[0] ?? {};
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(4_096);
    for (const { variable } of secrets) expect(answer?.Reason).toContain(`${variable} is missing`);
  });
});

test("each deployment's number is greater than any before it", async () => {
  const aws = await startLocalAws({ queues: [] });
  try {
    const counter = { client: aws.clients.dynamoDb, tableName: aws.table };
    const counted = [await countDeployment(counter), await countDeployment(counter)];
    const together = await Promise.all(Array.from({ length: 5 }, () => countDeployment(counter)));
    expect([...counted, ...together.toSorted((a, b) => a - b)]).toEqual([1, 2, 3, 4, 5, 6, 7]);
  } finally {
    await aws.close();
  }
});
