import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KeySet } from "../../lambdas/authorizer/keys.ts";
import { SecretsManager } from "../../src/testing/local-aws/secrets-manager.ts";
import { exceptions, staleExceptions } from "../conformance/exceptions.ts";
import { CONFORMANCE_APP, startEmbedded } from "../conformance/start-target.ts";
import { socketBeside, VARIABLES } from "../conformance/target.ts";
import { GatewayFront } from "./gateway-front.ts";
import { FAULTY_APP, type TemporaryFolder, temporaryFolder } from "./server.ts";

/** A case that is quick, by a part of its name; and cases of which the first is, and others take seconds. */
const QUICK = "answers 202 with the job";
const SLOW = "waits for a person";

let embedded: Awaited<ReturnType<typeof startEmbedded>>;
let secrets: SecretsManager;
let secretsUrl: string;
let arn: string;
let front: GatewayFront;
let frontUrl: string;
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = temporaryFolder();
  embedded = await startEmbedded(CONFORMANCE_APP);
  secrets = new SecretsManager();
  secretsUrl = await secrets.listen();
  front = new GatewayFront(embedded.connection, () => secrets.textOf(arn) ?? "");
  frontUrl = await front.listen();
});
beforeEach(() => {
  arn = secrets.create("keys", '{"keys":[]}');
  front.loses.clear();
  front.refusals = 0;
  secrets.calls.length = 0;
});
afterAll(async () => {
  await front.close();
  await secrets.close();
  await embedded.stop();
  folder[Symbol.dispose]();
});

function start(program: string[]) {
  const { AWS_REGION: _, ...variables } = process.env;
  const env = { ...variables, AWS_ENDPOINT_URL: secretsUrl, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
  const child = spawn(process.execPath, program, { env: { ...env, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      said[name] += chunk;
    });
  }
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, ...said }));
  return { child, ended };
}
const conformance = (...flags: string[]) => start(["tools/conformance.ts", ...flags]).ended;
const withKeys = (url: string, { key, otherKey } = embedded.connection) => [
  ...["--url", url, "--key", key, "--other-key", otherKey, "--target", "embedded"],
];
const outputs = (url = frontUrl): string => {
  const file = join(folder.path, "outputs.json");
  const instance = {
    SluiceApiUrl: url,
    SluiceKeysSecretArn: arn,
    SluiceBucketName: "bucket",
    SluiceRegion: "us-east-1",
  };
  writeFileSync(file, JSON.stringify({ App: instance }));
  return file;
};
/** Of a port on which something listened until now. */
async function closedUrl(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}/`;
}
const keysLeft = () => KeySet.parse(JSON.parse(secrets.textOf(arn) ?? "")).keys;

describe("npm run conformance", () => {
  test("prints each case and their sum, and writes all as JSON", async () => {
    const json = join(folder.path, "results.json");
    const { code, stdout } = await conformance(...withKeys(embedded.connection.url), "--only", QUICK, "--json", json);
    expect(stdout).toMatch(/^passed +\d+ ms {2}submitting > answers 202/m);
    expect(stdout).toContain("1 cases: 1 passed, 0 failed, 0 skipped");
    expect(code).toBe(0);
    const results = readFileSync(json, "utf8");
    expect(JSON.parse(results)).toMatchObject({
      target: "embedded",
      url: embedded.connection.url,
      sums: { passed: 1, failed: 0, skipped: 0 },
      cases: [{ state: "passed", file: "test/conformance/submit.test.ts" }],
      errors: [],
    });
    expect(results).not.toContain(embedded.connection.key);
  });

  test("ends with 1 and says what is wrong when a case fails", async () => {
    front.loses.add("location");
    const { code, stdout } = await conformance("--outputs", outputs(), "--only", QUICK);
    expect(stdout).toMatch(/^failed +\d+ ms {2}submitting > answers 202/m);
    expect(stdout).toMatch(/expected null to be '\/v1\/jobs\/job_.*\(submit\.test\.ts:\d+\)/);
    expect(stdout).toContain("1 cases: 0 passed, 1 failed, 0 skipped");
    expect(code).toBe(1);
    expect(keysLeft()).toEqual([]);
  });

  test("says why a case is skipped", async () => {
    const flags = withKeys(embedded.connection.url).with(-1, "emulator");
    const { code, stdout } = await conformance(...flags, "--only", "is a 405 with those");
    expect(stdout).toMatch(/^skipped .*the edge > a method.*\n +API Gateway knows a method only/m);
    expect(stdout).toContain("1 cases: 0 passed, 0 failed, 1 skipped");
    expect(code).toBe(0);
  });

  test("skips no case where only another target cannot do it", async () => {
    const { code, stdout } = await conformance(...withKeys(embedded.connection.url), "--only", "is a 405 with those");
    expect(stdout).toContain("1 cases: 1 passed, 0 failed, 0 skipped");
    expect(code).toBe(0);
  });

  test("does not pass where no case was run", async () => {
    const { code, stdout } = await conformance(...withKeys(embedded.connection.url), "--only", "no [such] case");
    expect(stdout).toContain('no case has "no [such] case" in its name');
    expect(code).toBe(1);
  });
});

describe("keys for a deployed instance", () => {
  test("are of two new tenants, are waited for, and are revoked at the end", async () => {
    front.refusals = 2;
    const { code, stdout, stderr } = await conformance("--outputs", outputs(), "--only", QUICK);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`${frontUrl} as aws`);
    expect(secrets.calls.filter((call) => call === "PutSecretValue").length).toBeGreaterThanOrEqual(4);
    expect(keysLeft()).toEqual([]);
  });

  test("are revoked when the tool is stopped in the middle", async () => {
    const { child, ended } = start(["tools/conformance.ts", "--outputs", outputs(), "--only", SLOW]);
    const begun = new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk: string) => /^passed/m.test(chunk) && resolve());
    });
    await Promise.race([begun, ended]);
    expect(keysLeft().map(({ tenant }) => tenant)).toEqual([
      expect.stringMatching(/^conformance-[0-9a-f]{8}-a$/),
      expect.stringMatching(/^conformance-[0-9a-f]{8}-b$/),
    ]);
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 143, stderr: expect.stringContaining("stopped") });
    expect(keysLeft()).toEqual([]);
  });

  test("are revoked when the instance cannot be used", async () => {
    const { code, stderr } = await conformance("--outputs", outputs(await closedUrl()));
    expect(code).toBe(2);
    expect(stderr).toContain("does not answer");
    expect(secrets.calls).toContain("PutSecretValue");
    expect(keysLeft()).toEqual([]);
  });

  test("are told if they cannot be revoked, with the command that does it", async () => {
    let puts = 0;
    secrets.before = (call) => {
      if (call === "PutSecretValue" && ++puts > 2) throw new Error("no more");
    };
    const { code, stderr } = await conformance("--outputs", outputs(), "--only", QUICK);
    secrets.before = () => {};
    expect(code).toBe(0);
    expect(stderr).toMatch(/the key of tenant conformance-[0-9a-f]{8}-[ab] is still there: .*--revoke [0-9a-f]{16}/);
    expect(keysLeft()).toHaveLength(2);
  });
});

describe("what cannot be run is told with 2", () => {
  test.each([
    [[], "--outputs FILE is missing, or --url URL with two keys"],
    [["--url", "http://127.0.0.1:1"], "--key, --other-key missing"],
    [["--url", "http://127.0.0.1:1", "--key", "a", "--other-key", "a"], "must be of two tenants"],
    [["--url", "127.0.0.1", "--key", "a", "--other-key", "b"], "--url must be a URL"],
    [["--outputs", "/nowhere/outputs.json"], "there is no such file"],
    [["--outputs", "x", "--key", "a"], "leave out --url, --key and --other-key"],
    [["--target", "moon", "--url", "x"], 'got "moon"'],
    [["--what"], "Usage"],
    [["--url", "http://no-such-name.invalid", "--key", "a", "--other-key", "b"], "its name is not known"],
  ])("%j", async (flags, said) => {
    const { code, stderr, stdout } = await conformance(...flags);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(said);
    expect(stderr).not.toContain("    at ");
  });

  test("a URL where nothing listens", async () => {
    const { code, stderr } = await conformance(...withKeys(await closedUrl()));
    expect(code).toBe(2);
    expect(stderr).toContain("does not answer: nothing listens there (ECONNREFUSED)");
  });

  test("a server that speaks no TLS, and one that is no Sluice", async () => {
    const page = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"));
    await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
    const place = `127.0.0.1:${(page.address() as AddressInfo).port}`;
    const [tls, other] = await Promise.all([
      conformance(...withKeys(`https://${place}`)),
      conformance(...withKeys(`http://${place}`)),
    ]);
    page.closeAllConnections();
    page.close();
    expect(tls).toMatchObject({ code: 2, stderr: expect.stringContaining("the TLS connection failed") });
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("answers, but is no Sluice") });
    expect(other.stderr).toContain("200 text/html");
  });

  test("a key that is refused", async () => {
    const { url, key } = embedded.connection;
    const { code, stderr } = await conformance(
      ...withKeys(url, { ...embedded.connection, key, otherKey: "slc_wrong" }),
    );
    expect(code).toBe(2);
    expect(stderr).toContain("refuses the key of --other-key (401)");
  });

  test("another app than the suite's, with the commands that help", async () => {
    const other = await startEmbedded(FAULTY_APP);
    const { code, stderr } = await conformance(...withKeys(other.connection.url, other.connection));
    await other.stop();
    expect(code).toBe(2);
    expect(stderr).toContain("does not run the suite's app: it lacks the workflows echo, trial, analysis");
    expect(stderr).toContain(`npm run deploy -- -c stage=dev -c instance=conformance -c app=${CONFORMANCE_APP}`);
  });
});

test("every exception names a case of the suite, and no two cases share a name", async () => {
  const program = ["node_modules/vitest/vitest.mjs", "list", "--project", "conformance", "--json", "--no-static-parse"];
  const url = "http://127.0.0.1:1/";
  const connection = { target: "aws", url, socketUrl: socketBeside(url), key: "a", otherKey: "b" };
  const nowhere = Object.entries(VARIABLES).map(([of, name]) => [name, connection[of as keyof typeof connection]]);
  const child = spawn(process.execPath, program, { env: { ...process.env, ...Object.fromEntries(nowhere) } });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  await once(child, "close");
  const names = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
  expect(names.length).toBeGreaterThan(100);
  expect(new Set(names).size).toBe(names.length);
  expect(staleExceptions(names)).toEqual([]);
  const stale = [...exceptions, { target: "aws", test: "no case > of this name", reason: "" } as const];
  expect(staleExceptions(names, stale)).toEqual(["no case > of this name"]);
});
