import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { type EventStreamDeps, openEventStream } from "../../../lambdas/events/event-stream.ts";
import { FrameReader } from "../../../lambdas/events/frames.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import type { StoredCommit } from "../../../src/core/ports.ts";
import { CommitFeed } from "../../../src/engines/embedded/commit-feed.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const JOB = `job_${"a".repeat(26)}` as JobId;
const TENANT = "acme" as TenantId;
const commit = (seq: number, type: string) =>
  ({
    jobId: JOB,
    tenant: TENANT,
    firstSeq: seq,
    lastSeq: seq,
    time: "2030-01-01T00:00:00.000Z",
    body: JSON.stringify([{ type }]),
  }) as StoredCommit;

test("a reader who comes while another still reads what was there before the end sees the end, too", async () => {
  const commits = [commit(1, "step.started")];
  const { promise: slowly, resolve: go } = Promise.withResolvers<void>();
  const log = {
    tail: async () => commits.slice(-1),
    async read(_: JobId, after: number) {
      const found = commits.filter(({ firstSeq }) => firstSeq > after);
      await slowly;
      return found;
    },
  };
  const clock = new VirtualClock();
  const changes = new CommitFeed(clock);
  const limits = { enter: async () => true, leave: async () => {} };
  const deps = { log, changes, clock, places: { limits, most: 9 } } as unknown as EventStreamDeps;
  const reader = new FrameReader(deps);
  const open = () => openEventStream({ tenant: TENANT, jobId: JOB, after: 0 }, deps, reader);

  const first = open();
  await turn();
  commits.push(commit(2, "job.completed"));
  changes.committed({ jobId: JOB, tenant: TENANT, seq: 2, isFirst: false, ended: true });
  const second = open();
  go();
  for (const stream of await Promise.all([first, second])) {
    let sent = "";
    for await (const text of stream?.(new AbortController().signal) ?? []) sent += text;
    expect(sent.match(/^id: \d+$/gm)).toEqual(["id: 1", "id: 2"]);
  }
});
