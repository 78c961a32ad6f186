import { randomBytes, randomUUID } from "node:crypto";
import { type CommitId, type JobId, jobIdFrom, type TenantId } from "../../contract/ids.ts";
import type { Message, MessageDetail } from "../../contract/messages.ts";
import type { Delivery, Head, StoredCommit, WorkQueue } from "../../core/ports.ts";

/** Lets time pass: really for a server, on its own clock for an engine that has one. */
export type Wait = (ms: number) => Promise<void>;

/** Ids are random, never seeded: a suite may run twice on one table. */
export const newJobId = (): JobId => jobIdFrom(randomBytes(17));
export const newTenant = (): TenantId => `t-${randomUUID()}` as TenantId;

/** A commit as a store is given it; what it says does not matter to the store. */
export function commit(jobId: JobId, firstSeq: number, events = 1, fields: Partial<StoredCommit> = {}): StoredCommit {
  return {
    jobId,
    tenant: "t-1" as TenantId,
    firstSeq,
    lastSeq: firstSeq + events - 1,
    commitId: randomUUID() as string as CommitId,
    deploySeq: 1,
    time: "2030-01-01T00:00:00.000Z",
    body: JSON.stringify(Array.from({ length: events }, (_, index) => ({ type: "test", index }))),
    ...fields,
  };
}

export function head(jobId: JobId, fields: Partial<Head> = {}): Head {
  return {
    jobId,
    tenant: "t-1" as TenantId,
    workflow: "flow",
    status: "running",
    createdAt: "2030-01-01T00:00:00.000Z",
    wakeAtMs: Date.UTC(2030, 0, 1, 1),
    expiresMs: Date.UTC(2030, 5, 1),
    ...fields,
  };
}

export function message(topic: string, detail: Partial<MessageDetail> = {}): Message {
  return { topic, detail: { tenant: "t-1" as TenantId, jobId: newJobId(), seq: 1, ...detail } };
}

const TRIES = 50;
const BETWEEN_MS = 200;

/** A queue and what is needed to send to it and to let its time pass. */
export interface QueueAtHand {
  readonly queue: WorkQueue;
  readonly queueName: string;
  readonly wait: Wait;
}

/** Receives until there are `count` deliveries. A server may hand out fewer at once than it has. */
export async function receive(
  { queue, queueName, wait }: QueueAtHand,
  count: number,
  visibilityMs = 60_000,
): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  for (let tries = 0; deliveries.length < count && tries < TRIES; tries++) {
    const received = await queue.receive(queueName, Math.min(10, count - deliveries.length), visibilityMs);
    deliveries.push(...received);
    if (received.length === 0) await wait(BETWEEN_MS);
  }
  if (deliveries.length < count) throw new Error(`expected ${count} messages, received ${deliveries.length}`);
  return deliveries;
}

/** One message that must be there. */
export async function receiveOne(port: QueueAtHand, visibilityMs?: number): Promise<Delivery> {
  const [delivery] = await receive(port, 1, visibilityMs);
  if (delivery === undefined) throw new Error("unreachable: receive() has thrown");
  return delivery;
}

/** Asks until the answer is right: a server's counts lag behind. */
export async function eventually<T>(wait: Wait, ask: () => Promise<T>, right: (answer: T) => boolean): Promise<T> {
  let answer = await ask();
  for (let tries = 0; !right(answer) && tries < TRIES; tries++) {
    await wait(BETWEEN_MS);
    answer = await ask();
  }
  return answer;
}
