import { DeleteItemCommand } from "@aws-sdk/client-dynamodb";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JobId } from "../../src/contract/ids.ts";
import type { Ports } from "../../src/core/runtime.ts";
import { openAwsEngine } from "../../src/engines/aws/aws-engine.ts";
import { commitKey } from "../../src/engines/aws/commit-item.ts";
import { systemClock } from "../../src/engines/shared/system-clock.ts";
import { commit, head, newJobId, newTenant } from "../../src/testing/contracts/fixtures.ts";
import { type LocalAws, startLocalAws } from "../../src/testing/local-aws/local-aws.ts";

// DynamoDB deletes what is past its time within days, item by item. dynalite never does, which is the worst case.

const HOUR_MS = 3_600_000;
let aws: LocalAws;
let engine: Ports;
let aheadMs = 0;

beforeEach(async () => {
  aheadMs = 0;
  aws = await startLocalAws({ queues: [] });
  const clock = { ...systemClock, now: () => Date.now() + aheadMs };
  engine = openAwsEngine({ ...aws, deploySeq: 1, clock });
});
afterEach(() => aws.close());

const inAnHour = (): number => Date.now() + HOUR_MS;

/** A job of 25 commits that are kept for an hour. */
async function longJob(jobId: JobId) {
  const commits = Array.from({ length: 25 }, (_, n) => commit(jobId, n + 1));
  for (const each of commits) await engine.log.append(each, { expiresMs: inAnHour() });
  return commits;
}

test("a job is there until its time, and all of it is gone from then on", async () => {
  const jobId = newJobId();
  const commits = await longJob(jobId);
  expect(await engine.log.read(jobId)).toEqual(commits);
  aheadMs = HOUR_MS + 1_000;
  expect(await engine.log.read(jobId)).toEqual([]);
  expect(await engine.log.read(jobId, 7, 3)).toEqual([]);
  expect(await engine.log.tail(jobId, 20)).toEqual([]);
});

test("a new job of the same key has nothing of one that is past its time, however much of it is left", async () => {
  const jobId = newJobId();
  await longJob(jobId);
  expect(await engine.log.append(commit(jobId, 1, 2))).toBe("conflict");
  aheadMs = HOUR_MS + 1_000;
  const fresh = [commit(jobId, 1, 2), commit(jobId, 3, 3), commit(jobId, 6)];
  for (const each of fresh) expect(await engine.log.append(each, { expiresMs: 2 * inAnHour() })).toBe("appended");
  expect(await engine.log.append(commit(jobId, 3))).toBe("conflict");
  expect(await engine.log.read(jobId)).toEqual(fresh);
  expect(await engine.log.read(jobId, 2, 2)).toEqual(fresh.slice(1));
  expect(await engine.log.tail(jobId, 2)).toEqual(fresh.slice(1));
});

test("a job whose beginning somebody deleted by hand is gone, not a job that begins in its middle", async () => {
  const jobId = newJobId();
  await longJob(jobId);
  await aws.clients.dynamoDb.send(new DeleteItemCommand({ TableName: aws.table, Key: commitKey(jobId, 1) }));
  expect(await engine.log.read(jobId)).toEqual([]);
  expect(await engine.log.read(jobId, 23)).toHaveLength(2);
});

test("a job past its time is not listed, and those before it are", async () => {
  const tenant = newTenant();
  const [old, kept] = [newJobId(), newJobId()];
  const heads = [
    head(old, { tenant, createdAt: "2030-01-01T00:00:01.000Z", expiresMs: inAnHour() }),
    head(kept, { tenant, createdAt: "2030-01-01T00:00:00.000Z", expiresMs: 2 * inAnHour() }),
  ];
  for (const each of heads) await engine.log.append(commit(each.jobId, 1, 1, { tenant }), { head: each });
  expect((await engine.index.list({ tenant, limit: 1 })).jobs).toMatchObject([{ jobId: old }]);
  aheadMs = HOUR_MS + 1_000;
  expect((await engine.index.list({ tenant, limit: 1 })).jobs).toMatchObject([{ jobId: kept }]);
});
