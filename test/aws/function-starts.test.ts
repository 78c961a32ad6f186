import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { APIGatewayRequestAuthorizerEvent, CloudFormationCustomResourceEvent } from "aws-lambda";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import authorizerEvent from "../../lambdas/authorizer/event.json" with { type: "json" };
import { hashOf } from "../../lambdas/authorizer/keys.ts";
import deploymentEvent from "../../lambdas/deployment/event.json" with { type: "json" };
import { SecretsManager } from "../../src/testing/local-aws/secrets-manager.ts";

/** Functions as Lambda loads them, whole: their environment, their clients, their handler. */
let server: SecretsManager;
beforeEach(async () => {
  server = new SecretsManager();
  vi.resetModules();
  vi.stubEnv("AWS_ENDPOINT_URL", await server.listen());
  vi.stubEnv("AWS_REGION", "us-east-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await server.close();
});

async function startAuthorizer(text: string) {
  vi.stubEnv("SLUICE_STAGE", "dev");
  vi.stubEnv("SLUICE_TABLE", "table");
  vi.stubEnv("SLUICE_KEYS_SECRET", server.create("keys", text));
  const { handler } = await import("../../lambdas/authorizer/handler.ts");
  const Authorization = "Bearer slc_key";
  return () =>
    handler({ ...authorizerEvent, headers: { Authorization } } as unknown as APIGatewayRequestAuthorizerEvent);
}

test("the authorizer reads the keys' secret and lets their tenant in", async () => {
  const ask = await startAuthorizer(JSON.stringify({ keys: [{ tenant: "acme", sha256: hashOf("slc_key") }] }));
  expect(await ask()).toMatchObject({ context: { tenant: "acme" } });
});

test("the authorizer gives up on a Secrets Manager that is silent well before its own timeout", async () => {
  const ask = await startAuthorizer('{"keys":[]}');
  const { promise: never, resolve } = Promise.withResolvers<void>();
  const { promise: called, resolve: call } = Promise.withResolvers<void>();
  server.before = () => {
    call();
    return never;
  };
  // The time that it gives itself passes at once.
  const patience = new AbortController();
  const timeout = vi.spyOn(AbortSignal, "timeout").mockReturnValue(patience.signal);
  const refused = expect(ask()).rejects.toThrow("the keys cannot be read");
  await called;
  patience.abort();
  await refused;
  expect(timeout.mock.calls).toEqual([[3_000]]);
  resolve();
});

test("an authorizer without its variables does not start, and names both", async () => {
  vi.stubEnv("SLUICE_STAGE", undefined);
  vi.stubEnv("SLUICE_KEYS_SECRET", undefined);
  await expect(import("../../lambdas/authorizer/handler.ts")).rejects.toThrow(
    "function authorizer is wrong: SLUICE_STAGE: is missing; SLUICE_KEYS_SECRET: is missing",
  );
});

test("a deployment without its variables starts and answers, or the stack would wait for an hour", async () => {
  vi.stubEnv("SLUICE_STAGE", undefined);
  vi.stubEnv("SLUICE_TABLE", undefined);
  const answers: string[] = [];
  const cloudFormation = createServer(async (request, response) => {
    for await (const chunk of request) answers.push(String(chunk));
    response.end();
  });
  await new Promise<void>((resolve) => cloudFormation.listen(0, "127.0.0.1", resolve));
  const ResponseURL = `http://127.0.0.1:${(cloudFormation.address() as AddressInfo).port}/`;
  try {
    const { handler } = await import("../../lambdas/deployment/handler.ts");
    await handler({ ...deploymentEvent, ResponseURL } as unknown as CloudFormationCustomResourceEvent);
  } finally {
    cloudFormation.closeAllConnections();
    await new Promise((resolve) => cloudFormation.close(resolve));
  }
  const answer = JSON.parse(answers.join("")) as object;
  expect(answer).toMatchObject({ Status: "FAILED", Reason: expect.stringContaining("SLUICE_TABLE: is missing") });
});
