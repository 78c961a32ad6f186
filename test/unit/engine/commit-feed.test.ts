import { expect, test } from "vitest";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import { CommitFeed } from "../../../src/engines/embedded/commit-feed.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";

const JOB = "job_a" as JobId;
const commit = (seq: number, jobId = JOB) => ({
  jobId,
  tenant: "acme" as TenantId,
  seq,
  isFirst: seq === 1,
  ended: false,
});

const begin = () => {
  const clock = new VirtualClock();
  const feed = new CommitFeed(clock);
  return { clock, feed, following: feed.follow(JOB) };
};

test("a commit between a read and the wait is known", async () => {
  const { feed, following } = begin();
  feed.committed(commit(3));
  expect(await following.next(2, 1_000)).toBe(true);
});

test("the wait ends with the first commit after the cursor, not with another's or an older one", async () => {
  const { feed, following } = begin();
  let told: boolean | undefined;
  void following.next(4, 1_000).then((answer) => {
    told = answer;
  });
  feed.committed(commit(9, "job_b" as JobId));
  feed.committed(commit(4));
  await settle();
  expect(told).toBeUndefined();
  feed.committed(commit(5));
  await settle();
  expect(told).toBe(true);
});

test("the wait ends without an answer when its time is up, or its reader is gone", async () => {
  const { clock, following } = begin();
  const waiting = following.next(0, 1_000);
  await clock.advance(1_000);
  expect(await waiting).toBe(false);
  const reader = new AbortController();
  const left = following.next(0, 1_000, reader.signal);
  reader.abort();
  expect(await left).toBe(false);
  expect(await following.next(0, 1_000, reader.signal)).toBe(false);
});

test("who has closed is not told, and others of the job are", async () => {
  const { feed, following } = begin();
  const other = feed.follow(JOB);
  following.close();
  feed.committed(commit(1));
  const gone = new AbortController();
  gone.abort();
  expect(await following.next(0, 1_000, gone.signal)).toBe(false);
  expect(await other.next(0, 1_000)).toBe(true);
});
