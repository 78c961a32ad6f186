import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { S3Client } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dynamoDbClient, s3Client } from "../../../src/engines/aws/aws-clients.ts";
import { S3Snapshots } from "../../../src/engines/aws/s3-blobs.ts";
import { newJobId } from "../../../src/testing/contracts/fixtures.ts";

let silent: Server;
beforeEach(async () => {
  silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
});
afterEach(() => {
  silent.closeAllConnections();
  silent.close();
});

test("a bucket that does not answer holds up nobody who would like a snapshot", async () => {
  const client = new S3Client({
    region: "us-east-1",
    endpoint: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    forcePathStyle: true,
    requestHandler: { requestTimeout: 60_000 },
  });
  const snapshots = new S3Snapshots({ client, bucket: "bucket", giveUpMs: 50 });
  await expect(snapshots.put(newJobId(), 16, "text")).rejects.toThrow();
  await expect(snapshots.get(newJobId(), 16)).rejects.toThrow();
  client.destroy();
});

/** What `lib/api.ts` gives the functions of the API. */
const FUNCTION_MS = 15_000;

test.each([
  ["the table", dynamoDbClient],
  ["the bucket", () => s3Client()],
])("a function of the API has time for a second try where %s does not answer the first", async (_, newClient) => {
  const client = newClient();
  // The SDK tells it only after a first request.
  const handler = client.config.requestHandler as unknown as { configProvider: Promise<{ requestTimeout: number }> };
  const { requestTimeout } = await handler.configProvider;
  expect(2 * requestTimeout).toBeLessThan(FUNCTION_MS);
  client.destroy();
});
