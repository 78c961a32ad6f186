import { type ChildProcess, execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import app from "../../app/sluice.ts";
import { KeySet, Keys } from "../../lambdas/authorizer/keys.ts";
import type { App } from "../../src/core/define-app.ts";
import { type Embedded, startEmbedded } from "../../src/host/host.ts";
import { loadResources } from "../../src/host/load-resources.ts";
import { createLogger } from "../../src/host/logger.ts";
import { LocalServer } from "../../src/testing/local-aws/local-server.ts";
import { SecretsManager } from "../../src/testing/local-aws/secrets-manager.ts";
import conformanceApp from "../conformance/app/sluice.ts";
import faultyApp from "../system/faulty-app.ts";
import { type TemporaryFolder, temporaryFolder } from "../system/server.ts";

/** The keys of the instance's secret, as they are at each call. */
class KeysOfSecret extends Keys {
  readonly #read: () => string;

  constructor(read: () => string) {
    super([]);
    this.#read = read;
  }

  override tenantOf(authorization: string | undefined) {
    return new Keys(KeySet.parse(JSON.parse(this.#read())).keys).tenantOf(authorization);
  }
}

let secrets: SecretsManager;
let endpoint: string;
let arn: string;
let folder: TemporaryFolder;
let instance: Embedded | undefined;
beforeEach(async () => {
  secrets = new SecretsManager();
  endpoint = await secrets.listen();
  arn = secrets.create("keys", '{"keys":[]}');
  folder = temporaryFolder();
});
afterEach(async () => {
  await instance?.close(0);
  instance = undefined;
  await secrets.close();
  folder[Symbol.dispose]();
});

const file = (name: string) => join(folder.path, name);
const keysLeft = () => KeySet.parse(JSON.parse(secrets.textOf(arn) ?? "")).keys;

/** An instance on this machine that lets in whom its secret knows; resolves with its URL. */
async function start(of: App = app): Promise<string> {
  instance = startEmbedded({
    app: of,
    resources: loadResources(of, { dataDir: undefined }),
    logger: createLogger("ERROR"),
    dataDir: undefined,
    keys: new KeysOfSecret(() => secrets.textOf(arn) ?? ""),
  });
  return instance.listen(0, "127.0.0.1");
}

function writeOutputs(ApiUrl = "https://abc.execute-api.us-east-1.amazonaws.com/api/"): string[] {
  const outputs = {
    SluiceApiUrl: ApiUrl,
    SluiceKeysSecretArn: arn,
    SluiceBucketName: "bucket",
    SluiceRegion: "us-east-1",
  };
  writeFileSync(file("outputs.json"), JSON.stringify({ App: outputs }));
  return ["--outputs", file("outputs.json")];
}

interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function spawnSmoke(...flags: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const env = { ...process.env, AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
  const { promise: ended, resolve } = Promise.withResolvers<Ended>();
  const child = execFile(process.execPath, ["tools/smoke.ts", ...flags], { env }, (error, stdout, stderr) =>
    resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? "?"), stdout, stderr }),
  );
  return { child, ended };
}
const smoke = (...flags: string[]): Promise<Ended> => spawnSmoke(...flags).ended;

/** Something that answers every call in the same way, and no instance. */
class Elsewhere extends LocalServer {
  protected readonly server: Server;
  constructor(status: number, body: string) {
    super();
    this.server = createServer((_, response) => response.writeHead(status).end(body));
  }
}

test("a job is followed to its answer, event by event, with a key that is gone afterwards", async () => {
  const url = await start();
  const { code, stdout, stderr } = await smoke(...writeOutputs(), "--url", url, "--json", file("found.json"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/without a key: 401\njob job_[a-z2-7]+ of analysis: accepted after \d+ ms\n/);
  expect(stdout).toMatch(/ 0\.00 s {2}job\.submitted {6}analysis\n/);
  expect(stdout).toMatch(/ \d\.\d\d s {2}step\.completed {5}context\n/);
  expect(stdout).toContain("12 * (3 + 4) = 84");
  expect(stdout).toMatch(/\n {2}\[1\] aws-sqs\/README\.md, characters \d+ to \d+\n/);
  expect(stdout).toMatch(/answered after \d+ ms\n$/);
  expect(keysLeft()).toEqual([]);
  const found = JSON.parse(readFileSync(file("found.json"), "utf8"));
  expect(found).toMatchObject({ ok: true, workflow: "analysis", job: { status: "completed" } });
  expect(found.events.map(({ seq }: { seq: number }) => seq)).toEqual(
    found.events.map((_: unknown, n: number) => n + 1),
  );
  const lines = stdout.split("\n").filter((line) => / s {2}(job|step|value)\./.test(line));
  expect(lines).toHaveLength(found.events.length);
});

test("a key that is given is used as it is, and no secret is touched", async () => {
  const url = await start();
  const { createHash } = await import("node:crypto");
  const sha256 = createHash("sha256").update("slc_mine").digest("hex");
  arn = secrets.create("keys", JSON.stringify({ keys: [{ tenant: "acme", sha256 }] }));
  const flags = ["--url", url, "--key", "slc_mine"];
  const { code, stdout } = await smoke(...flags, "--query", "How are SQS queues encrypted?");
  expect(code).toBe(0);
  expect(stdout).toContain("By default queues are encrypted using SSE-SQS.");
  expect(await smoke("--url", url, "--key", "slc_other")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("the key is refused: it is revoked, or of another instance"),
  });
  expect(secrets.calls).toEqual([]);
});

describe("what goes wrong is said, and the key is gone all the same", () => {
  const faulty = async (workflow: string, input: object, ...flags: string[]) => {
    const url = await start(faultyApp as App);
    const job = ["--workflow", workflow, "--input", JSON.stringify(input)];
    return smoke(...writeOutputs(), "--url", url, ...job, "--json", file("found.json"), ...flags);
  };
  afterEach(() => expect(keysLeft()).toEqual([]));

  test("a step in the dead letters: its error with all causes, and where the runbook speaks of it", async () => {
    const { code, stdout, stderr } = await faulty("step-throws", { text: "x" });
    expect(code).toBe(1);
    expect(stdout).toMatch(/step\.failed {8}.* attempt 1: Error: the dependency is on fire\n/);
    expect(stderr).toMatch(
      /dead letters after 2 attempts: Error: the dependency is on fire\n +caused by Error: smoke\n/,
    );
    expect(stderr).toContain("docs/runbook.md#dead-letters");
    expect(JSON.parse(readFileSync(file("found.json"), "utf8"))).toMatchObject({ ok: false, reason: stderr.trim() });
  });

  test("a job that fails: its error", async () => {
    const url = await start(conformanceApp as App);
    const job = ["--workflow", "trial", "--input", '{"mode":"fails-for-good","text":"x"}'];
    const { code, stderr } = await smoke(...writeOutputs(), "--url", url, ...job);
    expect(code).toBe(1);
    expect(stderr).toMatch(/ended as failed: .*no such model/s);
  });

  test("a job that does not end in time: what it waits for", async () => {
    const { code, stderr } = await faulty("sleepy", { ms: 30_000, steps: 0 }, "--timeout", "1");
    expect(code).toBe(1);
    expect(stderr).toMatch(/has not ended after 1 s\. Its last event: step\.started.*docs\/runbook\.md#oldest-message/);
  });

  test("input that the workflow does not take: every violation", async () => {
    const { code, stderr } = await faulty("echoes", { text: 7 });
    expect(code).toBe(1);
    expect(stderr).toMatch(/POST v1\/jobs answered 400, not 202: .*\/input\/text/);
  });

  test("a signal in the middle", async () => {
    const url = await start(faultyApp as App);
    const flags = ["--workflow", "sleepy", "--input", '{"ms":30000,"steps":0}'];
    const { child, ended } = spawnSmoke(...writeOutputs(), "--url", url, ...flags);
    let said = "";
    child.stdout?.on("data", (text: string) => {
      // A second one would end it at once, and what it says may come in pieces.
      const isFirst = !said.includes("step.started");
      said += text;
      if (isFirst && said.includes("step.started")) child.kill("SIGTERM");
    });
    expect(await ended).toMatchObject({ code: 143, stderr: "ended by SIGTERM\n" });
  });

  test("a key that cannot be made", async () => {
    secrets.before = () => {
      throw new Error("down");
    };
    const { code, stderr } = await smoke(...writeOutputs(), "--url", await start());
    expect(code).toBe(1);
    expect(stderr).toMatch(/no key could be made: .*down.*--key/);
  });
});

test("a key that could not be revoked is named, with the command that does it, besides what else went wrong", async () => {
  const url = await start(conformanceApp as App);
  let puts = 0;
  secrets.before = (call) => {
    if (call === "PutSecretValue" && ++puts > 1) throw new Error("down");
  };
  const job = ["--workflow", "trial", "--input", '{"mode":"fails-for-good","text":"x"}'];
  const { code, stderr } = await smoke(...writeOutputs(), "--url", url, ...job);
  expect(code).toBe(1);
  expect(stderr).toContain("no such model");
  const hash = keysLeft()[0]?.sha256.slice(0, 16);
  expect(stderr).toContain(`npm run key -- --outputs FILE --revoke ${hash}`);
});

test("a URL that does not answer, and one at which something else does", async () => {
  const elsewhere = new Elsewhere(200, "<html>");
  const url = await elsewhere.listen();
  expect(await smoke(...writeOutputs(`${url}/api/`))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("there is no instance of Sluice at this URL"),
  });
  await elsewhere.close();
  const { code, stderr } = await smoke(...writeOutputs(`${url}/api/`));
  expect(code).toBe(1);
  expect(stderr).toMatch(/http:\/\/127\.0\.0\.1:\d+\/api\/ does not answer: .*ECONNREFUSED/);
  expect(secrets.calls).toEqual([]);
});

test("an instance that lets anybody in", async () => {
  const elsewhere = new Elsewhere(200, '{"status":"ok"}');
  const { code, stderr } = await smoke("--url", await elsewhere.listen(), "--key", "k");
  await elsewhere.close();
  expect(code).toBe(1);
  expect(stderr).toContain("without a key v1/jobs answered 200, not 401: anybody can call this instance");
});

test.each([
  [[], "--outputs FILE is missing"],
  [["--url", "http://127.0.0.1:1"], "--outputs FILE is missing"],
  [["--outputs", "/nowhere/outputs.json"], "there is no such file"],
  [["--url", "127.0.0.1:80", "--key", "k"], 'got "127.0.0.1:80"'],
  [["--url", "http://127.0.0.1:1", "--key", "k", "--timeout", "soon"], 'got "soon"'],
  [["--url", "http://127.0.0.1:1", "--key", "k", "--workflow", "w"], "--workflow and --input go together"],
  [["--url", "http://127.0.0.1:1", "--key", "k", "--workflow", "w", "--input", "{"], "--input must be JSON"],
  [["--url", "http://127.0.0.1:1", "--key", "k", "--workflow", "w", "--query", "q"], "give --query, or --workflow"],
  [["--what"], "Usage"],
])("%j is refused before anything is asked", async (flags, said) => {
  const { code, stderr, stdout } = await smoke(...flags);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(said);
  expect(stderr).not.toContain("    at ");
});
