import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { GetObjectCommand, NoSuchKey, S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, expect, test } from "vitest";
import type { BlobRef } from "../../../src/contract/events.ts";
import { UnavailableError } from "../../../src/core/errors.ts";
import { S3Blobs, S3Snapshots } from "../../../src/engines/aws/s3-blobs.ts";
import { BlobError, refOf } from "../../../src/engines/shared/blob-ref.ts";
import { newJobId } from "../../../src/testing/contracts/fixtures.ts";

const s3 = mockClient(S3Client);
afterEach(() => s3.reset());

const props = { client: new S3Client({ region: "us-east-1" }), bucket: "bucket" };
const blobs = new S3Blobs(props);
const snapshots = new S3Snapshots(props);
const jobId = newJobId();
const ref: BlobRef = refOf(jobId, "what was put");

/** The part of a body that the adapter reads. */
const body = (bytes: Uint8Array) =>
  Object.assign(Readable.from([bytes]), { transformToByteArray: async () => bytes }) as never;
const failureOf = (blob: Promise<string>): Promise<BlobError> =>
  blob.then(
    () => expect.unreachable(),
    (error: BlobError) => error,
  );
const missing = () => new NoSuchKey({ message: "no such key", $metadata: {} });
// What S3 answers for a missing key to who may not list the bucket.
const denied = () =>
  new S3ServiceException({
    name: "AccessDenied",
    $fault: "client",
    message: "denied",
    $metadata: { httpStatusCode: 403 },
  });

test("a blob that is not there is an error of its own, which names it", async () => {
  s3.on(GetObjectCommand).rejects(missing());
  const failure = await failureOf(blobs.get(ref));
  expect(failure).toBeInstanceOf(BlobError);
  expect(failure.message).toBe(`blob ${ref.key} is not there`);
});

test("a blob that may not be read is not taken for one that is not there", async () => {
  s3.on(GetObjectCommand).rejects(denied());
  const failure = await failureOf(blobs.get(ref));
  expect(failure).toBeInstanceOf(BlobError);
  expect(failure.message).toBe(`blob ${ref.key} cannot be read`);
  expect(failure.cause).toMatchObject({ name: "AccessDenied" });
});

test.each([
  ["asks to slow down", { name: "SlowDown", $fault: "server", $metadata: { httpStatusCode: 503 } }],
  ["fails", { name: "InternalError", $fault: "server", $metadata: { httpStatusCode: 500 } }],
] as const)("a bucket that %s is an outage, not a blob that is broken", async (_, answer) => {
  s3.on(GetObjectCommand).rejects(new S3ServiceException({ message: "not now", ...answer }));
  const failure = await failureOf(blobs.get(ref));
  expect(failure).toBeInstanceOf(UnavailableError);
  expect(failure.cause).toMatchObject({ name: answer.name });
});

test("a connection that does not come about, or breaks off in the middle of a blob, is an outage", async () => {
  const reset = () => Object.assign(new Error("reset"), { code: "ECONNRESET" });
  s3.on(GetObjectCommand).rejects(reset());
  expect(await failureOf(blobs.get(ref))).toBeInstanceOf(UnavailableError);
  const Body = Object.assign(Readable.from([]), { transformToByteArray: () => Promise.reject(reset()) }) as never;
  s3.on(GetObjectCommand).resolves({ Body });
  expect(await failureOf(blobs.get(ref))).toBeInstanceOf(UnavailableError);
});

test("a blob of other content, and one that is cut off, are never handed out", async () => {
  s3.on(GetObjectCommand).resolves({ Body: body(gzipSync("something else")) });
  expect((await failureOf(blobs.get(ref))).message).toMatch(/has SHA-256 .* expected/);
  s3.on(GetObjectCommand).resolves({ Body: body(gzipSync("what was put").subarray(0, 12)) });
  expect(await failureOf(blobs.get(ref))).toBeInstanceOf(BlobError);
  s3.on(GetObjectCommand).resolves({ Body: body(gzipSync("what was put")) });
  expect(await blobs.get(ref)).toBe("what was put");
});

test("a snapshot that is not there is none; one that may not be read is an error, for its reader to do without", async () => {
  s3.on(GetObjectCommand).rejects(missing());
  expect(await snapshots.get(jobId, 16)).toBeUndefined();
  s3.on(GetObjectCommand).rejects(denied());
  await expect(snapshots.get(jobId, 16)).rejects.toMatchObject({ name: "AccessDenied" });
});
