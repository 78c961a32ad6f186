import { beforeEach, describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/contract/events.ts";
import type { JobId } from "../../../src/contract/ids.ts";
import { fold } from "../../../src/core/fold.ts";
import { JobWriter } from "../../../src/core/job-writer.ts";
import type { AppendOutcome, EventLog, Snapshots, StoredCommit } from "../../../src/core/ports.ts";
import { type JobStores, readCommits, readState } from "../../../src/core/read-job.ts";
import { COMMITS_PER_SNAPSHOT } from "../../../src/core/snapshot.ts";
import { MemoryBlobs } from "../../../src/engines/embedded/file-blobs.ts";
import { KeyedIds } from "../../../src/engines/shared/keyed-ids.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { appOf, completed, echo, JOB, requested, started, submitted, T0_MS, TENANT } from "./fixtures.ts";

/** A log that keeps which snapshot a commit names, and counts what is read. */
class MemoryLog implements EventLog {
  readonly commits: StoredCommit[] = [];
  commitsRead = 0;
  reads = 0;

  async append(commit: StoredCommit): Promise<AppendOutcome> {
    if (this.commits.some(({ firstSeq }) => firstSeq === commit.firstSeq)) return "conflict";
    this.commits.push(commit);
    return "appended";
  }

  async read(_: JobId, afterSeq = 0, limit = Number.MAX_SAFE_INTEGER): Promise<StoredCommit[]> {
    return this.#counted(this.commits.filter(({ firstSeq }) => firstSeq > afterSeq).slice(0, limit));
  }

  async tail(_: JobId, limit: number): Promise<StoredCommit[]> {
    return this.#counted(this.commits.slice(-limit));
  }

  #counted(commits: StoredCommit[]): StoredCommit[] {
    this.reads += 1;
    this.commitsRead += commits.length;
    return commits;
  }
}

class MemorySnapshots implements Snapshots {
  readonly texts = new Map<number, string>();
  failing = false;
  unreadable = false;

  async put(_: JobId, seq: number, text: string): Promise<void> {
    if (this.failing) throw new Error("no such bucket");
    this.texts.set(seq, text);
  }

  async get(_: JobId, seq: number): Promise<string | undefined> {
    if (this.unreadable) throw new Error("access denied");
    return this.texts.get(seq);
  }
}

const neverDone = appOf((job) => job.step("first", echo, null));
let log: MemoryLog;
let snapshots: MemorySnapshots;
let stores: JobStores;
let lost: unknown[];

/** A process of its own: nothing in memory. */
function newWriter(): JobWriter {
  const clock = new VirtualClock(T0_MS);
  return new JobWriter({
    app: neverDone,
    log,
    snapshots,
    blobs: stores.blobs,
    index: {
      change: async () => {},
      list: async () => ({ jobs: [], cursor: undefined }),
      due: async () => [],
      countRunning: async () => 0,
    },
    topics: { publish: async () => {} },
    clock,
    ids: new KeyedIds("test", clock),
    holder: "w-1",
    deploySeq: 1,
    atomicEffects: true,
    isGone: () => false,
    coalesce: (_, commit) => void setImmediate(commit),
    onSnapshotLost: (_, error) => lost.push(error),
  });
}

const add = (writer: JobWriter, events: readonly EventBody[], seq?: number) =>
  writer.update(JOB, (state) => ({ events, result: state.seq + events.length }), seq);

async function grow(writer: JobWriter, steps: number, from = 0): Promise<void> {
  for (let n = from; n < from + steps; n++) {
    await add(writer, [requested(`s${n}`, { input: { n } }), started(`s${n}`)]);
    await writer.update(JOB, () => ({ events: [{ ...completed(`s${n}`, n) }], result: undefined }));
  }
}

const whole = async () => fold((await readCommits(stores, JOB)).commits);

beforeEach(async () => {
  log = new MemoryLog();
  snapshots = new MemorySnapshots();
  stores = { log, blobs: new MemoryBlobs(), snapshots };
  lost = [];
});

async function begun(): Promise<JobWriter> {
  const writer = newWriter();
  await writer.create(JOB, TENANT, submitted(), T0_MS + 60_000, () => undefined);
  return writer;
}

describe("reading a job", () => {
  it("takes the whole log while it is short", async () => {
    await grow(await begun(), 5);
    expect(snapshots.texts.size).toBe(0);
    expect(await readState(stores, JOB)).toEqual({ ...(await whole()), size: expect.any(Number) });
  });

  it("costs the same for a long log as for a short one", async () => {
    await grow(await begun(), 100);
    expect(snapshots.texts.size).toBe(Math.floor(log.commits.length / COMMITS_PER_SNAPSHOT));
    log.commitsRead = 0;
    log.reads = 0;
    const state = await readState(stores, JOB);
    expect(log.reads).toBe(1);
    expect(log.commitsRead).toBeLessThanOrEqual(COMMITS_PER_SNAPSHOT + 4);
    expect({ ...state, size: 0, snapshotCommits: 0 }).toEqual({ ...(await whole()), size: 0, snapshotCommits: 0 });
  });

  it("goes on where snapshots could not be kept for a while", async () => {
    const writer = await begun();
    await grow(writer, 20);
    snapshots.failing = true;
    await grow(writer, 30, 20);
    expect(lost.length).toBeGreaterThan(0);
    const state = await readState(stores, JOB);
    expect({ ...state, size: 0, snapshotCommits: 0 }).toEqual({ ...(await whole()), size: 0, snapshotCommits: 0 });
    snapshots.failing = false;
    const before = snapshots.texts.size;
    await grow(writer, 1, 50);
    expect(snapshots.texts.size).toBe(before + 1);
  });

  it("takes the log where a snapshot is gone or of another version", async () => {
    await grow(await begun(), 40);
    const state = { ...(await whole()), size: 0 };
    for (const text of [undefined, '{"version":0}']) {
      for (const seq of snapshots.texts.keys()) {
        if (text === undefined) snapshots.texts.delete(seq);
        else snapshots.texts.set(seq, text);
      }
      expect({ ...(await readState(stores, JOB)), size: 0 }).toEqual(state);
    }
  });

  it("takes the log where a snapshot cannot be read, or is no snapshot", async () => {
    await grow(await begun(), 40);
    const state = { ...(await whole()), size: 0 };
    const told: JobStores = { ...stores, onSnapshotLost: (_, error) => lost.push(error) };
    snapshots.unreadable = true;
    expect({ ...(await readState(told, JOB)), size: 0 }).toEqual(state);
    snapshots.unreadable = false;
    for (const text of ["{", '{"version":5,"state":{}}']) {
      for (const seq of snapshots.texts.keys()) snapshots.texts.set(seq, text);
      expect({ ...(await readState(told, JOB)), size: 0 }).toEqual(state);
    }
    expect(lost).toHaveLength(3);
  });

  it("goes on from a snapshot as from the log: the next commit and the next snapshot are right", async () => {
    await grow(await begun(), 30);
    await grow(newWriter(), 30, 30);
    const seqs = log.commits.map(({ firstSeq }) => firstSeq);
    expect(new Set(seqs).size).toBe(seqs.length);
    expect((await whole())?.steps.size).toBe(61);
    expect(snapshots.texts.size).toBeGreaterThanOrEqual(7);
  });
});

describe("a state in memory", () => {
  it("is read on, and not appended to, where a message says that the log goes further", async () => {
    const [one, other] = [await begun(), newWriter()];
    await grow(other, 1);
    const appends = log.commits.length;
    log.reads = 0;
    log.commitsRead = 0;
    await add(one, [requested("late")], 5);
    expect(log.commits.length).toBe(appends + 1);
    expect(log.reads).toBe(1);
    expect(log.commitsRead).toBe(2);
  });

  it("is not read on where it goes as far as the message says", async () => {
    const writer = await begun();
    await grow(writer, 1);
    log.reads = 0;
    await add(writer, [requested("late")], 5);
    expect(log.reads).toBe(0);
  });
});
