import { describe, expect, it } from "vitest";
import type { EventLog, JobIndex, StoredCommit } from "../../core/ports.ts";
import { withSeed } from "../random.ts";
import { commit, eventually, head, message, newJobId, newTenant, type QueueAtHand, receive } from "./fixtures.ts";

export interface EventLogUnderTest extends QueueAtHand {
  readonly log: EventLog;
  readonly index: JobIndex;
  /** Messages on this topic reach `queueName`. */
  readonly topic: string;
  close(): Promise<void>;
}

export interface EventLogTraits {
  /** Whether the engine has snapshots for its logs to name. @default false */
  readonly snapshots?: boolean;
}

/** What every {@link EventLog} does. */
export function testEventLog(
  name: string,
  factory: () => Promise<EventLogUnderTest>,
  { snapshots = false }: EventLogTraits = {},
): void {
  const test = (behaviour: string, body: (port: EventLogUnderTest) => Promise<void>): void =>
    it(behaviour, async () => {
      const port = await factory();
      try {
        await body(port);
      } finally {
        await port.close();
      }
    });

  describe(`event log: ${name}`, () => {
    test("has no commits for a job that it does not know", async ({ log }) => {
      expect(await log.read(newJobId())).toEqual([]);
    });

    test("gives back a commit as it was appended", async ({ log }) => {
      const only = commit(newJobId(), 1, 3, { tenant: newTenant(), deploySeq: 42 });
      expect(await log.append(only)).toBe("appended");
      expect(await log.read(only.jobId)).toEqual([only]);
    });

    test("keeps jobs apart", async ({ log }) => {
      const [one, other] = [commit(newJobId(), 1), commit(newJobId(), 1)];
      expect(await log.append(one)).toBe("appended");
      expect(await log.append(other)).toBe("appended");
      expect(await log.read(one.jobId)).toEqual([one]);
      expect(await log.read(other.jobId)).toEqual([other]);
    });

    test("rejects an append whose expected version is stale", async ({ log }) => {
      const first = commit(newJobId(), 1);
      await log.append(first);
      expect(await log.append(commit(first.jobId, 1))).toBe("conflict");
      expect(await log.read(first.jobId)).toEqual([first]);
    });

    test("rejects a stale append also where the winner's commit is longer", async ({ log }) => {
      const jobId = newJobId();
      const [first, winner] = [commit(jobId, 1, 2), commit(jobId, 3, 5)];
      await log.append(first);
      await log.append(winner);
      expect(await log.append(commit(jobId, 3, 1))).toBe("conflict");
      expect(await log.append(commit(jobId, 3, 9))).toBe("conflict");
      expect(await log.read(jobId)).toEqual([first, winner]);
    });

    test("reports a conflict on the same commit sent twice, and keeps it once", async ({ log }) => {
      const first = commit(newJobId(), 1);
      await log.append(first);
      expect(await log.append(first)).toBe("conflict");
      expect((await log.read(first.jobId)).map(({ commitId }) => commitId)).toEqual([first.commitId]);
    });

    test("reads in the order of seq, by number and not by text", async ({ log }) => {
      const commits = await appendAll(log, 25);
      expect(await log.read(jobOf(commits))).toEqual(commits);
    });

    test("reads commits that begin after a seq", async ({ log }) => {
      const commits = await appendAll(log, 5, 2);
      const jobId = jobOf(commits);
      expect(await log.read(jobId, 0)).toEqual(commits);
      expect(await log.read(jobId, 2)).toEqual(commits.slice(1));
      expect(await log.read(jobId, 3)).toEqual(commits.slice(2));
      expect(await log.read(jobId, 10)).toEqual([]);
    });

    test("reads no more commits than asked for, the first ones", async ({ log }) => {
      const commits = await appendAll(log, 5);
      const jobId = jobOf(commits);
      expect(await log.read(jobId, 0, 2)).toEqual(commits.slice(0, 2));
      expect(await log.read(jobId, 2, 1)).toEqual(commits.slice(2, 3));
      expect(await log.read(jobId, 4, 10)).toEqual(commits.slice(4));
    });

    test("gives back the last commits, in order", async ({ log }) => {
      const commits = await appendAll(log, 12, 2);
      const jobId = jobOf(commits);
      expect(await log.tail(jobId, 3)).toEqual(commits.slice(-3));
      expect(await log.tail(jobId, 12)).toEqual(commits);
      expect(await log.tail(jobId, 100)).toEqual(commits);
      expect(await log.tail(newJobId(), 3)).toEqual([]);
    });

    it.runIf(snapshots)("keeps which snapshot a commit names", async () => {
      const { log, close } = await factory();
      const [first, second] = [commit(newJobId(), 1), commit(newJobId(), 17, 1, { snapshotSeq: 16 })];
      await log.append(first);
      await log.append(second);
      expect(await log.read(first.jobId)).toEqual([first]);
      expect(await log.tail(second.jobId, 1)).toEqual([second]);
      await close();
    });

    test("shows a commit to a read that begins after the append has resolved", async ({ log }) => {
      const jobId = newJobId();
      for (let seq = 1; seq <= 20; seq++) {
        await log.append(commit(jobId, seq));
        expect((await log.read(jobId, seq - 1, 1)).length).toBe(1);
      }
    });

    test("keeps bodies of 64 KB and every character of Unicode", async ({ log }) => {
      const jobId = newJobId();
      const bodies = [
        JSON.stringify(["x".repeat(65_536 - 4)]),
        JSON.stringify(["😀".repeat(16_383)]),
        JSON.stringify(["\u0000 \u2028 \ufeff ' \" \\ é 漢字 \ud83d"]),
        "[]",
      ];
      for (const [index, body] of bodies.entries()) await log.append(commit(jobId, index + 1, 1, { body }));
      expect((await log.read(jobId)).map(({ body }) => body)).toEqual(bodies);
    });

    test("makes head and messages durable with the commit", async (port) => {
      const { log, index, topic } = port;
      const tenant = newTenant();
      const first = commit(newJobId(), 1, 1, { tenant });
      const sent = message(topic, { tenant, jobId: first.jobId, stepIds: ["a", "b"] });
      const of = head(first.jobId, { tenant });
      expect(await log.append(first, { head: of, messages: [sent] })).toBe("appended");
      expect((await index.list({ tenant, limit: 10 })).jobs).toEqual([of]);
      expect((await receive(port, 1)).map((delivery) => delivery.message)).toEqual([sent]);
    });

    test("changes the head with the commit", async ({ log, index, wait }) => {
      const tenant = newTenant();
      const first = commit(newJobId(), 1, 1, { tenant });
      await log.append(first, { head: head(first.jobId, { tenant }) });
      await log.append(commit(first.jobId, 2, 1, { tenant }), { headChange: { status: "completed", wakeAtMs: null } });
      const list = async () => (await index.list({ tenant, limit: 10 })).jobs[0];
      const changed = await eventually(wait, list, (job) => job?.status === "completed");
      expect(changed).toEqual(head(first.jobId, { tenant, status: "completed", wakeAtMs: undefined }));
    });

    test("has no effects on a conflict", async (port) => {
      const { log, index, topic, queue, queueName } = port;
      const [tenant, loserTenant] = [newTenant(), newTenant()];
      const first = commit(newJobId(), 1, 1, { tenant });
      await log.append(first, { head: head(first.jobId, { tenant }) });
      const loser = commit(first.jobId, 1, 1, { tenant: loserTenant });
      expect(
        await log.append(loser, {
          head: head(first.jobId, { tenant: loserTenant }),
          headChange: { status: "failed", wakeAtMs: null },
          messages: [message(topic, { jobId: first.jobId })],
        }),
      ).toBe("conflict");
      expect((await index.list({ tenant: loserTenant, limit: 10 })).jobs).toEqual([]);
      expect((await index.list({ tenant, limit: 10 })).jobs).toEqual([head(first.jobId, { tenant })]);
      expect(await queue.receive(queueName, 10, 1_000)).toEqual([]);
    });

    test("lets exactly one of many racers win, and keeps that one", async ({ log }) => {
      const jobId = newJobId();
      const racers = Array.from({ length: 50 }, (_, index) => commit(jobId, 1, 1 + (index % 3)));
      const outcomes = await Promise.all(racers.map((racer) => log.append(racer)));
      const winners = racers.filter((_, index) => outcomes[index] === "appended");
      expect(winners).toHaveLength(1);
      expect(await log.read(jobId)).toEqual(winners);
    });

    test("stays gapless, and holds what was reported as appended, under random writers", async ({ log }) => {
      await withSeed(async (random) => {
        const jobId = newJobId();
        const appended: string[] = [];
        const writer = async (): Promise<void> => {
          let known = 0;
          for (let turn = 0; turn < 12; turn++) {
            if (random() < 0.6) known = (await log.read(jobId)).at(-1)?.lastSeq ?? 0;
            const mine = commit(jobId, known + 1, 1 + Math.floor(random() * 4));
            if ((await log.append(mine)) !== "appended") continue;
            appended.push(mine.commitId);
            known = mine.lastSeq;
          }
        };
        await Promise.all(Array.from({ length: 8 }, writer));
        const commits = await log.read(jobId);
        expect(commits.map(({ commitId }) => commitId).sort()).toEqual(appended.sort());
        let next = 1;
        for (const { firstSeq, lastSeq } of commits) {
          expect(firstSeq).toBe(next);
          next = lastSeq + 1;
        }
      });
    });
  });
}

async function appendAll(log: EventLog, count: number, events = 1): Promise<StoredCommit[]> {
  const jobId = newJobId();
  const commits = Array.from({ length: count }, (_, index) => commit(jobId, 1 + index * events, events));
  for (const each of commits) await log.append(each);
  return commits;
}

function jobOf([first]: readonly StoredCommit[]): StoredCommit["jobId"] {
  if (first === undefined) throw new Error("no commits");
  return first.jobId;
}
