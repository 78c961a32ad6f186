import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadSecrets } from "../../lambdas/load-secrets.ts";
import { SecretsManager } from "../../src/testing/local-aws/secrets-manager.ts";

let server: SecretsManager;
let client: SecretsManagerClient;
beforeEach(async () => {
  server = new SecretsManager();
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  client = new SecretsManagerClient({
    region: "us-east-1",
    endpoint: await server.listen(),
    credentials,
    maxAttempts: 1,
  });
});
afterEach(() => server.close());

test("secrets are in their variables when it resolves, and other variables are as they were", async () => {
  const variables: Record<string, string | undefined> = { PATH: "/bin" };
  const secrets = { A_KEY: server.create("a", "one"), B_KEY: server.create("b", "two") };
  await loadSecrets(secrets, variables, client);
  expect(variables).toEqual({ PATH: "/bin", A_KEY: "one", B_KEY: "two" });
});

test("all that cannot be read are named at once, with why; no value is shown", async () => {
  const secrets = {
    FINE: server.create("fine", "hunter2"),
    MISSING: "arn:aws:secretsmanager:us-east-1:000000000000:secret:missing-AbCdEf",
    WITHOUT_VALUE: server.create("none", undefined),
    EMPTY: server.create("empty", ""),
  };
  const error = await loadSecrets(secrets, {}, client).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ name: "SecretError" });
  const { message } = error as Error;
  expect(message).toContain(`MISSING (${secrets.MISSING}): ResourceNotFoundException`);
  expect(message).toContain(`WITHOUT_VALUE (${secrets.WITHOUT_VALUE}): ResourceNotFoundException`);
  expect(message).toContain(`EMPTY (${secrets.EMPTY}): it has no text`);
  expect(message).not.toContain("FINE");
  expect(message).not.toContain("hunter2");
});
