import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { afterEach, expect, test } from "vitest";
import { S3Corpus } from "../../../src/corpus/s3-corpus.ts";

const dir = mkdtempSync(join(tmpdir(), "sluice-corpus-"));
afterEach(() => rmSync(dir, { recursive: true }));

test("a download that goes silent ends, and the next search begins another", async () => {
  let downloads = 0;
  const send = async () => {
    downloads += 1;
    const body = new Readable({ read() {} });
    body.push("the first bytes");
    return { Body: body, ETag: '"abc"' };
  };
  const corpus = new S3Corpus({
    client: { send } as unknown as S3Client,
    bucket: "bucket",
    dir,
    now: () => 0,
    onError: () => {},
    giveUpMs: 20,
  });
  await expect(corpus.search("anything", 1)).rejects.toThrow();
  await expect(corpus.search("anything", 1)).rejects.toThrow();
  expect(downloads).toBe(2);
  expect(readdirSync(dir)).toEqual([]);
});
