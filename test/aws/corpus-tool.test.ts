import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { S3Corpus } from "../../src/corpus/s3-corpus.ts";
import { type LocalAws, startLocalAws } from "../../src/testing/local-aws/local-aws.ts";

const run = promisify(execFile);
const dir = mkdtempSync(join(tmpdir(), "corpus-tool-"));
let aws: LocalAws;
beforeAll(async () => {
  aws = await startLocalAws({ queues: [] });
  const outputs = {
    AiApiUrl: "https://abc.execute-api.us-east-1.amazonaws.com/dev/",
    AiKeysSecretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:keys-AbCdEf",
    AiBucketName: aws.bucket,
    AiRegion: "us-east-1",
  };
  writeFileSync(join(dir, "outputs.json"), JSON.stringify({ App: outputs }));
  writeFileSync(join(dir, "queues.md"), "# Queues\n\nA queue keeps messages until a worker takes them.\n");
  writeFileSync(join(dir, "topics.md"), "# Topics\n\nA topic tells whoever listens.\n");
});
afterAll(async () => {
  await aws.close();
  rmSync(dir, { recursive: true });
});

const corpus = (...args: string[]) => {
  const { AWS_REGION: _, ...variables } = process.env;
  const scratch = mkdtempSync(join(dir, "scratch-"));
  const env = { ...variables, TMPDIR: scratch, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
  return run(process.execPath, ["tools/corpus.ts", ...args], {
    env: { ...env, AWS_ENDPOINT_URL_S3: aws.endpoints.s3 },
  }).finally(() => {
    expect(readdirSync(scratch)).toEqual([]);
    rmSync(scratch, { recursive: true });
  });
};
const push = () => corpus("push", dir, "--outputs", join(dir, "outputs.json"));

test("what is pushed is what a function searches; the same documents make the same object", async () => {
  const { stdout, stderr } = await push();
  expect(stdout).toMatch(/^2 documents, 2 passages, \d+ bytes, ETag "[0-9a-f]{32}"\n$/);
  expect(stderr).toContain(`s3://${aws.bucket}/corpus/index`);
  const cache = mkdtempSync(join(dir, "cache-"));
  const props = { client: aws.clients.s3, bucket: aws.bucket, dir: cache, now: Date.now, onError() {} };
  const passages = await new S3Corpus(props).search("worker takes messages", 3);
  expect(passages.map(({ path }) => path)).toEqual(["queues.md"]);
  utimesSync(join(dir, "queues.md"), 1, 1);
  expect((await push()).stdout).toBe(stdout);
});

test.each([
  [["push"], "push DIR is what can be done"],
  [["pull", dir, "--outputs", "x"], 'got "pull'],
  [["push", dir], "--outputs FILE is missing"],
  [["push", dir, "--outputs", join(dir, "none.json")], "there is no such file"],
  [["push", join(dir, "nothing"), "--outputs", join(dir, "outputs.json")], "there is no such folder"],
  [["push", dir, "--outputs", "x", "--force"], "Usage"],
])("%j is refused in a sentence", async (args, said) => {
  const { code, stderr } = await corpus(...args).then(
    () => ({ code: 0, stderr: "" }),
    (error) => error as { code: number; stderr: string },
  );
  expect(code).toBe(1);
  expect(stderr).toContain(said);
  expect(stderr).not.toContain("    at ");
});

test("a Node without SQLite is told what is needed", async () => {
  const { stderr } = await run(process.execPath, ["--no-experimental-sqlite", "tools/corpus.ts"]).catch(
    (error) => error as { stderr: string },
  );
  expect(stderr).toMatch(/^Sluice needs Node 24, or 22 from 22\.18 on: .* has no node:sqlite, .*\n$/);
});
