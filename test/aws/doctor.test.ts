import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SecretsManager, ServiceError } from "../../src/testing/local-aws/secrets-manager.ts";
import { checkNode } from "../../tools/doctor/check-node.ts";
import { type TemporaryFolder, temporaryFolder } from "../system/server.ts";
import { chatServer, delta, end, fail as failing, send } from "../unit/capabilities/chat-server.ts";
import { answer, bedrockServer, refuse } from "../unit/models/bedrock-server.ts";
import { AwsAccount } from "./aws-account.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
let account: AwsAccount;
let secrets: SecretsManager;
let folder: TemporaryFolder;
let environment: NodeJS.ProcessEnv;
beforeEach(async () => {
  account = new AwsAccount();
  secrets = new SecretsManager();
  folder = temporaryFolder();
  environment = {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    HOME: folder.path,
    AWS_ENDPOINT_URL: await account.listen(),
    AWS_ENDPOINT_URL_SECRETS_MANAGER: await secrets.listen(),
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
    AWS_SECRET_ACCESS_KEY: SECRET,
  };
});
afterEach(async () => {
  await account.close();
  await secrets.close();
  folder[Symbol.dispose]();
});

interface Ended {
  readonly code: number;
  readonly lines: readonly string[];
  readonly stderr: string;
}

const doctor = (...flags: string[]): Promise<Ended> =>
  new Promise((done) => {
    execFile(process.execPath, ["tools/doctor.ts", ...flags], { env: environment }, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code), lines: stdout.split("\n"), stderr }),
    );
  });
/** Lines about one thing. */
const about = ({ lines }: Ended, what: string): string[] =>
  lines.filter((line) => line.slice(6).startsWith(`${what} `));

test("an account in which all is well: every check is OK, and nothing is changed", async () => {
  const json = join(folder.path, "found.json");
  const found = await doctor("-c", "stage=dev", "--json", json);
  expect(found.stderr).toBe("");
  expect(found.lines.filter((line) => !line.startsWith("OK "))).toEqual(["", "dev: 0 FAIL, 0 WARN", ""]);
  const place = "dev goes to account 111122223333, eu-central-1";
  expect(found.lines.join("\n")).toContain(place);
  expect(about(found, "model")).toEqual(["OK    model           embedded:extractive needs no access"]);
  expect(found.code).toBe(0);
  expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject({
    instance: "dev",
    ok: true,
    findings: expect.arrayContaining([{ level: "OK", about: "stage", text: place }]),
  });
  expect([...account.calls].sort()).toEqual([
    "DescribeStacks",
    "DescribeStacks",
    "GET /2016-08-19/account-settings",
    "GET /account",
    "GetCallerIdentity",
    "GetParameter",
    "ListEventBuses",
    "ListStacks",
  ]);
  expect(secrets.calls).toEqual([]);
});

test("a fresh account: each thing that is missing has its fix, and what fails a deployment fails", async () => {
  account.bootstrap = undefined;
  account.accountRole = undefined;
  account.concurrency = { total: 10, free: 10 };
  const found = await doctor("-c", "stage=dev", "-c", "model=openai:gpt-5-mini");
  expect(found.code).toBe(1);
  expect(about(found, "bootstrap")[0]).toMatch(
    /^FAIL .*none of the CDK's own resources.*Fix: npx cdk bootstrap aws:\/\/111122223333\/eu-central-1$/,
  );
  expect(about(found, "account role")[0]).toMatch(/^FAIL .*Fix: deploy with -c createApiGatewayAccountRole=true/);
  expect(about(found, "concurrency")[0]).toMatch(/^WARN .*10 of the account's 10 .*quota-code L-B99A9384/);
  expect(about(found, "secrets")).toEqual([
    "FAIL  secrets         sluice/dev/OPENAI_API_KEY is missing. Fix: aws secretsmanager create-secret --name sluice/dev/OPENAI_API_KEY --secret-string … --region eu-central-1",
  ]);
  expect(about(found, "model")[0]).toMatch(
    /^WARN .*openai:gpt-5-mini was not called: sluice\/dev\/OPENAI_API_KEY cannot/,
  );
  expect(found.lines).toContain("dev: 3 FAIL, 2 WARN");
});

test("what is there but not in order", async () => {
  account.bootstrap = "5";
  account.concurrency = { total: 1_000, free: 15 };
  account.stacks = {
    "sluice-dev-data": { status: "UPDATE_ROLLBACK_FAILED" },
    "sluice-dev-app": { status: "UPDATE_IN_PROGRESS" },
  };
  secrets.create("sluice/dev/ANTHROPIC_API_KEY", undefined);
  const found = await doctor("-c", "model=anthropic:claude", "-c", "createApiGatewayAccountRole=true");
  expect(about(found, "bootstrap")[0]).toMatch(/^FAIL .*version 5; the CDK needs 6/);
  expect(about(found, "concurrency")[0]).toMatch(/^WARN .*15 of the account's 1000 .*Lambda throttles/);
  expect(about(found, "account role")[0]).toMatch(/^WARN .*role\/logs would be replaced.*Fix: leave out/);
  expect(about(found, "stacks")).toEqual([
    expect.stringMatching(/^FAIL .*sluice-dev-data is UPDATE_ROLLBACK_FAILED\. Fix: npx cdk rollback sluice-dev-data/),
    expect.stringMatching(/^WARN .*sluice-dev-app is UPDATE_IN_PROGRESS\. Fix: wait/),
  ]);
  expect(about(found, "secrets")[0]).toMatch(/^FAIL .*is empty\. Fix: aws secretsmanager put-secret-value/);
});

test("what is left of an instance that was removed", async () => {
  account.bootstrap = "7";
  account.accountRole = undefined;
  account.stacks = { "sluice-prod-app": { status: "", deletedAt: new Date(Date.now() - 5_000).toISOString() } };
  account.buses = ["sluiceproddataDataBus1ABBD345"];
  const found = await doctor("-c", "stage=prod", "-c", "createApiGatewayAccountRole=true");
  expect(about(found, "stacks")).toEqual([
    expect.stringMatching(
      /^FAIL .*its bus sluiceproddataDataBus1ABBD345 is.*Fix: docs\/runbook\.md#when-the-data-stack/,
    ),
    expect.stringMatching(/^WARN .*sluice-prod-app was removed a moment ago.*Fix: wait [1-5]\d s$/),
  ]);
  expect(about(found, "bootstrap")[0]).toMatch(/^WARN .*version 7; from 8 on/);
  expect(about(found, "account role")[0]).toMatch(/^OK .*this deployment makes it$/);
  account.stacks = { "sluice-prod-app": { status: "", deletedAt: new Date(Date.now() - 90_000).toISOString() } };
  const later = await doctor("-c", "stage=prod", "-c", "instance=blue");
  expect(about(later, "stacks").every((line) => line.startsWith("OK "))).toBe(true);
});

test("what may not be looked at is no failure, and the permission is named", async () => {
  account.denied = ["GetParameter", "DescribeStacks", "GET /account", "GET /2016-08-19/account-settings"];
  secrets.before = () => {
    throw new ServiceError("AccessDeniedException", "no");
  };
  const found = await doctor("-c", "model=openai:gpt-5-mini");
  expect(found.code).toBe(0);
  const denied = found.lines.filter((line) => line.startsWith("WARN ")).map((line) => line.slice(6));
  expect(denied).toEqual([
    "bootstrap       could not be checked: needs permission ssm:GetParameter on /cdk-bootstrap/hnb659fds/version",
    "stacks          could not be checked: needs permission cloudformation:DescribeStacks, events:ListEventBuses",
    "stacks          could not be checked: needs permission cloudformation:DescribeStacks, ListStacks",
    "account role    could not be checked: needs permission apigateway:GET on /account",
    "concurrency     could not be checked: needs permission lambda:GetAccountSettings",
    "secrets         could not be checked: needs permission secretsmanager:DescribeSecret on sluice/dev/OPENAI_API_KEY",
    "model           openai:gpt-5-mini was not called: needs permission secretsmanager:GetSecretValue on sluice/dev/OPENAI_API_KEY",
  ]);
});

describe("credentials", () => {
  test("that have expired fail, and nothing else is asked", async () => {
    account.signedIn = false;
    const found = await doctor();
    expect(found.code).toBe(1);
    expect(about(found, "credentials")[0]).toMatch(/^FAIL .*ExpiredToken.*Fix: sign in/);
    expect(account.calls).toEqual(["GetCallerIdentity"]);
  });

  test("that are not there fail, and so does a region that is not set", async () => {
    environment = { ...environment, AWS_ACCESS_KEY_ID: undefined, AWS_EC2_METADATA_DISABLED: "true" };
    expect(about(await doctor(), "credentials")[0]).toMatch(/^FAIL .*none that AWS takes: Credential.*Fix: sign in/);
    environment = { ...environment, AWS_REGION: undefined };
    expect(about(await doctor(), "region")[0]).toMatch(/^FAIL .*none is set. Fix: export AWS_REGION=/);
    expect(account.calls).toEqual([]);
  });
});

describe("a model is called as workers call it", () => {
  const model = async (name: string) => about(await doctor("-c", `model=${name}`), "model");

  test("Bedrock's with the user's credentials, for a few tokens", async () => {
    await using server = await bedrockServer(SECRET, answer("OK"));
    environment = { ...environment, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: server.url, AWS_BEARER_TOKEN_BEDROCK: "other" };
    expect(await model("bedrock:amazon.nova-lite-v1:0")).toEqual([
      "OK    model           bedrock:amazon.nova-lite-v1:0 answers",
    ]);
    expect(server.requests).toMatchObject([
      { model: "amazon.nova-lite-v1:0", signed: true, body: { inferenceConfig: { maxTokens: 16 } } },
    ]);
  });

  const denied =
    "User: arn:aws:iam::1:user/me is not authorized to perform: bedrock:InvokeModelWithResponseStream on resource: x";
  test.each([
    [
      refuse(403, "AccessDeniedException", denied, "Message"),
      /^WARN .*needs permission bedrock:InvokeModelWithResponseStream;/,
    ],
    [
      refuse(403, "AccessDeniedException", `${denied} with an explicit deny in a service control policy`, "Message"),
      /^FAIL .*A policy of the account or organization denies/,
    ],
    [
      refuse(404, "ResourceNotFoundException", "Model use case details have not been submitted for this account."),
      /^FAIL .*Submit Anthropic's use-case form once(?!.*redrive).*Fix: docs\/models\.md$/,
    ],
    [refuse(429, "ThrottlingException", "Too many requests"), /^WARN .*answered 429/],
  ])("Bedrock's refusal is told as what it is (%#)", async (handler, said) => {
    await using server = await bedrockServer(SECRET, handler);
    environment = { ...environment, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: server.url };
    expect((await model("bedrock:anthropic.claude"))[0]).toMatch(said);
  });

  test("OpenAI's with the key of Secrets Manager, not with the one of the environment", async () => {
    await using server = await chatServer(failing(401, "Incorrect API key provided"));
    const url = /openai-compatible:(.*)#/.exec(server.model)?.[1];
    environment = { ...environment, OPENAI_BASE_URL: url, OPENAI_API_KEY: "sk-mine" };
    secrets.create("sluice/dev/OPENAI_API_KEY", "sk-workers");
    expect((await model("openai:gpt-5-mini"))[0]).toMatch(
      /^FAIL .*answered 401: Incorrect API key provided(?!.*redrive)/,
    );
    expect(server.requests[0]?.headers.authorization).toBe("Bearer sk-workers");
  });

  test("an OpenAI-compatible server's without a key, since workers have none", async () => {
    await using server = await chatServer((response) => {
      send(response, delta({ content: "OK" }, "stop"));
      end(response);
    });
    environment = { ...environment, SLUICE_MODEL_API_KEY: "mine" };
    expect(await model(server.model)).toEqual([`OK    model           ${server.model} answers`]);
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    await server[Symbol.asyncDispose]();
    expect((await model(server.model))[0]).toMatch(
      /^WARN .*cannot be reached.*whether the workers reach it is not known$/,
    );
  });
});

test("an app that does not load, and a model of no known form", async () => {
  const nowhere = await doctor("-c", "app=nowhere.ts");
  expect(nowhere.code).toBe(1);
  expect(about(nowhere, "app")[0]).toMatch(/^FAIL .*nowhere\.ts: there is no such file/);
  expect(about(await doctor("-c", "model=gpt"), "app")[0]).toMatch(/^FAIL .*unknown model "gpt"/);
});

test("a Node that is too old", () => {
  expect(checkNode("v24.1.0", { sqlite: true, typeStripping: true })).toMatchObject({ level: "OK" });
  expect(checkNode("v20.1.0", { sqlite: false, typeStripping: false })).toMatchObject({
    level: "FAIL",
    text: expect.stringContaining("Sluice needs Node 24"),
  });
});

test.each([
  [["-c", "stage=staging"], 'there is no stage "staging"'],
  [["-c", "stag=prod"], "there is no setting -c stag=…"],
  [["--what"], "--what is not known"],
])("%j is refused before anything is asked", async (flags, said) => {
  const { code, lines, stderr } = await doctor(...flags);
  expect({ code, lines }).toEqual({ code: 1, lines: [""] });
  expect(stderr).toContain(said);
  expect(account.calls).toEqual([]);
});
