import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hashOf, KeySet, Keys } from "../../lambdas/authorizer/keys.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { SecretsManager } from "../../src/testing/local-aws/secrets-manager.ts";
import { KeySecret } from "../../tools/key-secret.ts";

const run = promisify(execFile);
let server: SecretsManager;
let url: string;
let arn: string;
let dir: string;

beforeEach(async () => {
  server = new SecretsManager();
  url = await server.listen();
  arn = server.create("keys", '{"keys":[]}');
  dir = mkdtempSync(join(tmpdir(), "key-"));
  const outputs = {
    SluiceApiUrl: "https://abc.execute-api.us-east-1.amazonaws.com/dev/",
    SluiceKeysSecretArn: arn,
    SluiceBucketName: "bucket",
    SluiceRegion: "us-east-1",
  };
  writeFileSync(join(dir, "outputs.json"), JSON.stringify({ App: outputs }));
});
afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
});

const key = (...flags: string[]) => {
  const { AWS_REGION: _, ...variables } = process.env;
  const env = { ...variables, AWS_ENDPOINT_URL: url, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
  return run(process.execPath, ["tools/key.ts", ...flags], { env });
};
const withOutputs = (...flags: string[]) => key("--outputs", join(dir, "outputs.json"), ...flags);
const failing = async (call: Promise<unknown>): Promise<{ code: number; stderr: string; stdout: string }> => {
  try {
    await call;
  } catch (error) {
    return error as { code: number; stderr: string; stdout: string };
  }
  throw new Error("it was expected to fail");
};
const secret = () => {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return new KeySecret(new SecretsManagerClient({ region: "us-east-1", endpoint: url, credentials }), arn);
};
const entries = () => KeySet.parse(JSON.parse(server.textOf(arn) ?? "")).keys;

test("a key is printed alone on standard output, opens its tenant's door, and is kept as a hash only", async () => {
  const { stdout, stderr } = await withOutputs("--tenant", "acme");
  expect(stdout).toMatch(/^slc_[A-Za-z0-9_-]{43}\n$/);
  expect(stderr).toContain("tenant acme");
  const made = stdout.trim();
  expect(stderr).not.toContain(made);
  expect(server.textOf(arn)).not.toContain(made);
  expect(new Keys(entries()).tenantOf(`Bearer ${made}`)).toBe("acme");
});

test("keys are listed by tenant and hash, and one is revoked by the beginning of its hash", async () => {
  const first = (await withOutputs()).stdout.trim();
  await withOutputs("--tenant", "acme");
  const hash = hashOf(first);
  const { stdout } = await withOutputs("--list");
  expect(stdout.split("\n").sort().join("\n")).toContain(`${hash.slice(0, 16)}  default`);
  expect(stdout).toMatch(/^[0-9a-f]{16} {2}acme$/m);
  await withOutputs("--revoke", hash.slice(0, 12));
  expect(entries().map(({ tenant }) => tenant)).toEqual(["acme"]);
  expect(await failing(withOutputs("--revoke", hash))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no key's hash begins with"),
  });
});

test.each([
  [[], "--outputs FILE is missing"],
  [["--outputs", "/nowhere/outputs.json"], "there is no such file"],
  [["--outputs", "x", "--tenant", "two words"], 'got "two words"'],
  [["--outputs", "x", "--revoke", "XYZ"], 'got "XYZ"'],
  [["--outputs", "x", "--list", "--revoke", "00000000"], "give one of"],
  [["--outputs", "x", "--what"], "Usage"],
])("%j is refused before anything is asked", async (flags, said) => {
  const { code, stderr, stdout } = await failing(key(...flags));
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(said);
  expect(stderr).not.toContain("    at ");
  expect(server.calls).toEqual([]);
});

test("a secret that holds something else is left as it is, and not shown", async () => {
  arn = server.create("keys", "hunter2");
  const { stderr } = await failing(withOutputs());
  expect(stderr).toContain("nothing was changed");
  expect(stderr).not.toContain("hunter2");
  expect(server.textOf(arn)).toBe("hunter2");
});

test.each(["PutSecretValue", "UpdateSecretVersionStage"])(
  "what another person changes before the %s of ours is kept",
  async (between) => {
    let made: string | undefined;
    server.before = async (call) => {
      if (call !== between) return;
      server.before = () => {};
      made = await secret().add("other" as TenantId);
    };
    const mine = await secret().add("acme" as TenantId);
    const keys = new Keys(entries());
    expect(keys.tenantOf(`Bearer ${mine}`)).toBe("acme");
    expect(keys.tenantOf(`Bearer ${made}`)).toBe("other");
  },
);

test("ten people at once: every key that was printed counts", async () => {
  const made = await Promise.allSettled(Array.from({ length: 10 }, () => secret().add("acme" as TenantId)));
  const hashes = new Set(entries().map(({ sha256 }) => sha256));
  const printed = made.flatMap((each) => (each.status === "fulfilled" ? [hashOf(each.value)] : []));
  expect(printed.length).toBeGreaterThan(0);
  expect(hashes).toEqual(new Set(printed));
});

test("a change whose answer was lost is known again: one key, not two", async () => {
  let lost = 0;
  server.before = async (call, input) => {
    if (call !== "UpdateSecretVersionStage" || lost > 0) return;
    lost += 1;
    // It is done, and then the answer is an error that the SDK tries again.
    server.move(input);
    throw new Error("lost");
  };
  await secret().add("acme" as TenantId);
  expect(entries()).toHaveLength(1);
  expect(lost).toBe(1);
});

test("a secret that is full takes no more keys, and says so", async () => {
  const entry = (n: number) => ({ tenant: "acme", sha256: hashOf(String(n)) });
  const room = Math.floor(65_536 / (JSON.stringify(entry(0)).length + 1)) - 1;
  const full = Array.from({ length: room }, (_, n) => entry(n));
  arn = server.create("keys", JSON.stringify({ keys: full }));
  await expect(
    secret().add("a-tenant-whose-name-is-long-enough-to-be-one-too-many-for-the-room" as TenantId),
  ).rejects.toThrow(/room for 65536 bytes/);
  expect(entries()).toHaveLength(room);
});
