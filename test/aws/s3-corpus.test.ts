import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeleteObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CORPUS_KEY } from "../../src/contract/bucket-keys.ts";
import { TerminalError } from "../../src/core/retry.ts";
import { buildIndex } from "../../src/corpus/build-index.ts";
import { S3Corpus } from "../../src/corpus/s3-corpus.ts";
import { type LocalAws, startLocalAws } from "../../src/testing/local-aws/local-aws.ts";
import { S3Front } from "./s3-front.ts";

let aws: LocalAws;
let front: S3Front;
let client: S3Client;
let dir: string;
let nowMs: number;
let errors: unknown[];
beforeEach(async () => {
  aws = await startLocalAws({ queues: [] });
  front = new S3Front(aws.endpoints.s3);
  client = new S3Client({
    region: "us-east-1",
    endpoint: await front.listen(),
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    forcePathStyle: true,
    maxAttempts: 1,
  });
  dir = mkdtempSync(join(tmpdir(), "s3-corpus-"));
  mkdirSync(cacheDir());
  nowMs = 0;
  errors = [];
});
afterEach(async () => {
  await front.close();
  await aws.close();
  rmSync(dir, { recursive: true });
});

const cacheDir = () => join(dir, "cache");
const open = (more: { fallbackFile?: string } = {}) =>
  new S3Corpus({
    client,
    bucket: aws.bucket,
    dir: cacheDir(),
    now: () => nowMs,
    onError: (error) => errors.push(error),
    ...more,
  });
/** An index of one document that says `text`, with enough others to be of many pages. */
function indexOf(text: string): string {
  const documents = mkdtempSync(join(dir, "documents-"));
  writeFileSync(join(documents, "answer.md"), `# Answer\n\nThe marker is ${text}.\n`);
  for (let n = 0; n < 30; n++)
    writeFileSync(join(documents, `${n}.md`), `# Other ${n}\n\n${`word${n} `.repeat(200)}\n`);
  const file = `${documents}.index`;
  buildIndex(documents, file, { portable: true });
  return file;
}
const put = (file: string) =>
  aws.clients.s3.send(new PutObjectCommand({ Bucket: aws.bucket, Key: CORPUS_KEY, Body: readFileSync(file) }));
const found = async (corpus: S3Corpus): Promise<string | undefined> =>
  /marker is (\w+)/.exec((await corpus.search("marker", 1))[0]?.text ?? "")?.[1];

test("the index is fetched at the first search and asked for again after a minute", async () => {
  await put(indexOf("one"));
  const corpus = open();
  expect(front.statuses).toEqual([]);
  expect(await found(corpus)).toBe("one");
  nowMs = 59_999;
  await found(corpus);
  expect(front.statuses).toEqual([200]);
  nowMs = 60_000;
  expect(await found(corpus)).toBe("one");
  await found(corpus);
  expect(front.statuses).toEqual([200, 304]);
  expect((await corpus.read("answer.md", 10, 10))?.text).toBe("The marker");
});

test("another index takes the old one's place, and its file", async () => {
  await put(indexOf("one"));
  const corpus = open();
  await found(corpus);
  const [file] = readdirSync(cacheDir());
  await put(indexOf("two"));
  nowMs = 60_000;
  expect(await found(corpus)).toBe("two");
  expect(readdirSync(cacheDir())).toHaveLength(1);
  expect(readdirSync(cacheDir())).not.toEqual([file]);
});

test("searches that come together share one download, also while it replaces an index", async () => {
  await put(indexOf("one"));
  const corpus = open();
  expect(await Promise.all([found(corpus), found(corpus), found(corpus)])).toEqual(["one", "one", "one"]);
  expect(front.statuses).toEqual([200]);
  await put(indexOf("two"));
  nowMs = 60_000;
  const { promise, resolve } = Promise.withResolvers<void>();
  front.hold = promise;
  const together = Promise.all(Array.from({ length: 20 }, () => found(corpus)));
  resolve();
  expect(new Set(await together)).toEqual(new Set(["two"]));
  expect(front.statuses).toEqual([200, 200]);
});

test("a file that a process before left in the directory is taken as it is", async () => {
  await put(indexOf("one"));
  await found(open());
  const [name = ""] = readdirSync(cacheDir());
  // Told apart from the bucket's by what it says.
  copyFileSync(indexOf("kept"), join(cacheDir(), name));
  expect(await found(open())).toBe("kept");
});

test("without an index in the bucket the fallback counts, until there is one", async () => {
  const corpus = open({ fallbackFile: indexOf("fallback") });
  expect(await found(corpus)).toBe("fallback");
  nowMs = 60_000;
  expect(await found(corpus)).toBe("fallback");
  expect(errors).toEqual([]);
  await put(indexOf("one"));
  nowMs = 120_000;
  expect(await found(corpus)).toBe("one");
});

test.each(["none", "forbidden"] as const)(
  "with neither, a search is hopeless and says what to do (%s)",
  async (fault) => {
    front.fault = fault;
    const fallbackFile = join(dir, "none.index");
    expect(existsSync(fallbackFile)).toBe(false);
    const search = open({ fallbackFile }).search("marker", 1);
    await expect(search).rejects.toThrow(TerminalError);
    await expect(search).rejects.toThrow(
      `s3://${aws.bucket}/${CORPUS_KEY} does not exist or may not be read. Build and send it: npm run corpus -- push DIR --outputs FILE`,
    );
  },
);

test("a bucket that is down is an error that another try may mend, and no reason for the fallback", async () => {
  await put(indexOf("one"));
  const corpus = open({ fallbackFile: indexOf("fallback") });
  front.fault = "down";
  await expect(corpus.search("marker", 1)).rejects.not.toThrow(TerminalError);
  front.fault = "none";
  expect(await found(corpus)).toBe("one");
});

test.each(["down", "forbidden", "cut", "damage"] as const)(
  "while there is an index, a bucket that is spoiled (%s) changes nothing but is told",
  async (fault) => {
    await put(indexOf("one"));
    const corpus = open();
    await found(corpus);
    await put(indexOf("two"));
    front.fault = fault;
    nowMs = 60_000;
    expect(await found(corpus)).toBe("one");
    expect(errors).toHaveLength(1);
    await found(corpus);
    expect(front.statuses).toHaveLength(2);
    front.fault = "none";
    nowMs = 120_000;
    expect(await found(corpus)).toBe("two");
    expect(readdirSync(cacheDir())).toHaveLength(1);
  },
);

test("an index that is taken away is still searched, and told", async () => {
  await put(indexOf("one"));
  const corpus = open({ fallbackFile: indexOf("fallback") });
  await found(corpus);
  await aws.clients.s3.send(new DeleteObjectCommand({ Bucket: aws.bucket, Key: CORPUS_KEY }));
  nowMs = 60_000;
  expect(await found(corpus)).toBe("one");
  expect(errors).toMatchObject([{ name: "NoSuchKey" }]);
});

test.each(["cut", "damage"] as const)(
  "a first download that is spoiled (%s) leaves nothing behind, and the next is whole",
  async (fault) => {
    await put(indexOf("one"));
    const corpus = open();
    front.fault = fault;
    await expect(corpus.search("marker", 1)).rejects.toThrow();
    expect(readdirSync(cacheDir())).toEqual([]);
    front.fault = "none";
    expect(await found(corpus)).toBe("one");
  },
);

test("an object that is no index changes nothing while there is one", async () => {
  await put(indexOf("one"));
  const corpus = open();
  await found(corpus);
  const file = join(dir, "other");
  writeFileSync(file, "something else");
  await put(file);
  nowMs = 60_000;
  expect(await found(corpus)).toBe("one");
  expect(errors).toMatchObject([{ name: "CorpusError" }]);
});
