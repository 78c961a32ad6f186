import { createHash } from "node:crypto";
import { type CommitId, type JobId, jobIdFrom, type TenantId } from "../../src/contract/ids.ts";
import type { Message } from "../../src/contract/messages.ts";
import type {
  AppendOutcome,
  Blobs,
  Delivery,
  Effects,
  EventLog,
  Ids,
  JobIndex,
  Outgoing,
  Records,
  Snapshots,
  StoredCommit,
  Topics,
  WorkQueue,
} from "../../src/core/ports.ts";
import type { Ports } from "../../src/core/runtime.ts";
import { PolledChanges } from "../../src/engines/aws/polled-changes.ts";
import { refOf } from "../../src/engines/shared/blob-ref.ts";
import type { Incarnation } from "./incarnation.ts";
import { limitsOf } from "./limits.ts";
import { LOOK_MS } from "./queues.ts";
import type { WatchedLimits } from "./watched-limits.ts";

/** Completions that end within this time share a commit where they are known to be on their way. */
const COALESCE_MS = 25;
/** For which a message that was handed over is its worker's, in ms. */
const CLAIMED_VISIBILITY_MS = 900_000;

/** No tenant of the simulation has endpoints: what is looked up at each submission is not there. */
const NO_RECORDS: Records = {
  get: async () => undefined,
  list: async () => [],
  change: () => Promise.reject(new Error("nothing in the simulation changes records")),
  remove: async () => false,
};

export interface EngineTraits {
  readonly deploySeq: number;
  /** Like the embedded engine: commit and effects are one write, there is one process, and its death is known. */
  readonly embedded: boolean;
}

/** All ports of one process on the shared world. */
export function simulatedEngine(
  process: Incarnation,
  limits: WatchedLimits,
  { deploySeq, embedded }: EngineTraits,
): Ports {
  const { world, clock } = process;
  const { store } = world;
  const topics = topicsOf(process);
  const index = indexOf(process);
  const tail = (jobId: JobId, limit: number) => store.commits(jobId).slice(-limit);
  const log: EventLog = {
    async append(commit, effects = {}) {
      const outcome = await (embedded
        ? appendWithEffects(process, commit, effects)
        : appendThenEffects(process, commit, effects, topics, index));
      if (outcome === "appended") world.heard(commit);
      return outcome;
    },
    read: (jobId, afterSeq = 0, limit = Number.POSITIVE_INFINITY) =>
      process.call(
        `log.read ${world.nameOf(jobId)} after ${afterSeq}`,
        () => store.read(jobId, afterSeq, limit),
        (commits) => `→ ${commits.length} commits`,
      ),
    tail: (jobId, limit) => process.call(`log.tail ${world.nameOf(jobId)}`, () => tail(jobId, limit)),
  };
  return {
    log,
    index,
    topics,
    queue: queueOf(process),
    blobs: blobsOf(process),
    ...(embedded ? {} : { snapshots: snapshotsOf(process) }),
    clock,
    ids: idsOf(process),
    holder: process.holder,
    deploySeq,
    atomicEffects: embedded,
    progressFlushMs: embedded ? 250 : 1_000,
    limits: embedded ? limits : limitsOf(process, limits),
    changes: new PolledChanges(clock),
    records: NO_RECORDS,
    countsFreshMs: embedded ? 0 : 2_000,
    ...(embedded ? {} : { stopPollMs: 5_000 }),
    coalesce: (commit, expected) => void process.after(expected && !embedded ? COALESCE_MS : 0, commit),
    isGone: (holder) => embedded && holder !== process.holder,
  };
}

/** One transaction. Workers that wait are handed their messages when its answer comes. */
async function appendWithEffects(
  process: Incarnation,
  commit: StoredCommit,
  { head, headChange, messages = [] }: Effects,
): Promise<AppendOutcome> {
  const { world } = process;
  const { outcome, handed } = await process.call(
    `log.append ${world.describe(commit)}`,
    () => {
      const outcome = world.store.append(commit, head);
      if (outcome === "conflict") return { outcome, handed: [] };
      world.appended(commit, process.holder);
      if (headChange) world.store.changeHead(commit.jobId, headChange);
      return { outcome, handed: messages.flatMap((message) => enqueue(process, message, commit.commitId)) };
    },
    ({ outcome }) => `→ ${outcome}`,
  );
  for (const hand of handed) hand();
  return outcome;
}

/** The write, then what follows from it, each by itself. */
async function appendThenEffects(
  process: Incarnation,
  commit: StoredCommit,
  { head, headChange, messages = [] }: Effects,
  topics: Topics,
  index: JobIndex,
): Promise<AppendOutcome> {
  const { world } = process;
  const outcome = await process.call(
    `log.append ${world.describe(commit)}`,
    () => {
      const outcome = world.store.append(commit, head);
      if (outcome === "appended") world.appended(commit, process.holder);
      return outcome;
    },
    (outcome) => `→ ${outcome}`,
  );
  if (outcome === "conflict") return outcome;
  if (messages.length > 0) await topics.publish(messages);
  if (headChange) await index.change(commit.jobId, headChange).catch(() => {});
  return outcome;
}

/** Puts a message where its topic leads; returns what hands it over, if a worker waits for it. */
function enqueue({ world }: Incarnation, message: Outgoing, claimedBy?: CommitId): (() => void)[] {
  const { topic, detail, reservation } = message;
  const queue = world.routes.get(topic);
  if (queue === undefined) return [];
  const { nowMs } = world.scheduler;
  if (reservation === undefined) {
    // A bus delays nothing; the embedded queue keeps a message about a time until then.
    const delayMs = world.plan.embedded && detail.at !== undefined ? Math.max(0, detail.at - nowMs) : 0;
    world.send(queue, { topic, detail }, delayMs);
    return [];
  }
  const until = nowMs + CLAIMED_VISIBILITY_MS;
  const delivery: Delivery = world.queues.sendHeld(queue, { topic, detail }, nowMs, until, claimedBy);
  return [() => reservation.deliver(delivery)];
}

function topicsOf(process: Incarnation): Topics {
  const { world } = process;
  return {
    async publish(messages: readonly Outgoing[]) {
      const handed = await process.call(`topics.publish ${messages.map(describe).join(", ")}`, () =>
        messages.flatMap((message) => enqueue(process, message)),
      );
      for (const hand of handed) hand();
    },
  };
  function describe({ topic, detail }: Message): string {
    return `${topic} ${world.nameOf(detail.jobId)} ${detail.stepIds?.join("+") ?? ""}@${detail.seq}`;
  }
}

function indexOf(process: Incarnation): JobIndex {
  const { world } = process;
  const { store, nameOf } = world;
  return {
    list: (query) => process.call(`index.list ${query.tenant}`, () => store.list(query)),
    due: (nowMs, limit) =>
      process.call(
        "index.due",
        () => store.due(nowMs, limit),
        (heads) => `→ ${heads.map(({ jobId }) => nameOf(jobId)).join(", ")}`,
      ),
    countRunning: (tenant, most) =>
      process.call(`index.countRunning ${tenant}`, () => store.countRunning(tenant, most)),
    change: (jobId, change) =>
      process.call(`index.change ${nameOf(jobId)} ${JSON.stringify(change)}`, () => {
        world.changed = true;
        store.changeHead(jobId, change);
      }),
  };
}

function queueOf(process: Incarnation): WorkQueue {
  const { world } = process;
  const { queues, scheduler, nameOf } = world;
  const steps = ({ detail }: Message): string =>
    `${nameOf(detail.jobId)} ${detail.stepIds?.join("+") ?? ""}@${detail.seq}`;
  return {
    receive: (queue, max, visibilityMs) =>
      process.call(`queue.receive ${queue}`, () => queues.receive(queue, max, scheduler.nowMs, () => visibilityMs)),
    ack: (receipts) =>
      process.call(`queue.ack ${receipts.map(({ queue, receipt }) => `${queue}/${receipt}`).join(", ")}`, () => {
        world.changed = true;
        for (const receipt of receipts) queues.ack(receipt);
      }),
    retryLater: (receipt, delayMs) =>
      process.call(`queue.retryLater ${receipt.queue}/${receipt.receipt} ${delayMs} ms`, () => {
        queues.retryLater(receipt, scheduler.nowMs, delayMs);
        world.onQueued();
      }),
    defer: (queue, message, delayMs) =>
      process.call(`queue.defer ${steps(message)} ${delayMs} ms`, () => {
        queues.send(queue, message, scheduler.nowMs, delayMs);
        world.onQueued();
      }),
    deadLetter: (queue, message, reason) =>
      process.call(`queue.deadLetter ${steps(message)}`, () =>
        queues.deadLetter(queue, { message, ...reason, deadLetteredAtMs: scheduler.nowMs }),
      ),
    deadLetters: (queue, max) =>
      process.call(`queue.deadLetters ${queue}`, () => queues.deadLetters(queue).slice(0, max)),
    stats: (queue) => process.call(`queue.stats ${queue}`, () => queues.stats(queue, scheduler.nowMs)),
    backlog: (queue) => process.call(`queue.backlog ${queue}`, () => queues.stats(queue, scheduler.nowMs)),
    drainedPerSecond: async () => undefined,
    async reviewDeadLetters(queue, judge, max) {
      // Most have none, and are asked at every look of the reconciler.
      if (queues.deadLetters(queue).length === 0) return { kept: 0, removed: 0, malformed: 0 };
      let untilMs = 0;
      const letters = await process.call(
        `queue.reviewDeadLetters ${queue}`,
        () => {
          untilMs = scheduler.nowMs + LOOK_MS;
          return queues.lookAt(queue, max, scheduler.nowMs);
        },
        (found) => `→ ${found.length}`,
      );
      const verdicts = await Promise.all(letters.map(async (letter) => [letter, await judge(letter)] as const));
      const removed = verdicts.filter(([, verdict]) => verdict === "remove").map(([letter]) => letter);
      await process.call(`queue.dropDeadLetters ${removed.map(({ message }) => steps(message)).join(", ")}`, () => {
        // After that others may look at them.
        if (scheduler.nowMs >= untilMs) return;
        for (const letter of removed) queues.dropDeadLetter(queue, letter);
        queues.giveBack(letters);
      });
      return { kept: letters.length - removed.length, removed: removed.length, malformed: 0 };
    },
  };
}

function blobsOf(process: Incarnation): Blobs {
  const { store } = process.world;
  return {
    put(jobId, text) {
      const ref = refOf(jobId, text);
      return process.call(`blobs.put ${ref.bytes} bytes`, () => {
        store.putBlob(ref, text);
        return ref;
      });
    },
    get: (ref) => process.call(`blobs.get ${ref.bytes} bytes`, () => store.blob(ref)),
  };
}

function snapshotsOf(process: Incarnation): Snapshots {
  const { store, nameOf } = process.world;
  return {
    put: (jobId, seq, text) =>
      process.call(`snapshots.put ${nameOf(jobId)} ${seq}`, () => store.putSnapshot(jobId, seq, text)),
    get: (jobId, seq) => process.call(`snapshots.get ${nameOf(jobId)} ${seq}`, () => store.snapshot(jobId, seq)),
  };
}

function idsOf({ world }: Incarnation): Ids {
  return {
    jobId(tenant: TenantId, key?: string) {
      const name = key === undefined ? `job ${world.nextId()}` : `${tenant}\n${key}`;
      return jobIdFrom(createHash("sha256").update(name).digest());
    },
    commitId: () => `c${world.nextId()}` as CommitId,
    random: world.dice.random,
  };
}
