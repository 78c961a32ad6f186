import { randomUUID } from "node:crypto";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteMessageCommand, PurgeQueueCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { WatchedJob } from "../../src/contract/watched-job.ts";
import type { Committed } from "../../src/core/ports.ts";
import type { Subscribers } from "../../src/core/subscribers.ts";
import { DeliveryQueue } from "../../src/engines/aws/delivery-queue.ts";
import { DynamoDbSubscribers } from "../../src/engines/aws/dynamodb-subscribers.ts";
import { SqsWatchers, type SqsWatchersProps } from "../../src/engines/aws/sqs-watchers.ts";
import { systemClock } from "../../src/engines/shared/system-clock.ts";
import { newJobId, newTenant } from "../../src/testing/contracts/fixtures.ts";
import { type LocalAws, startLocalAws } from "../../src/testing/local-aws/local-aws.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

let aws: LocalAws;
let subscribers: DynamoDbSubscribers;
let tenant: TenantId;
let jobId: JobId;
/** Commands that were sent, in order. */
const calls: string[] = [];

beforeAll(async () => {
  aws = await startLocalAws({ queues: [] });
  subscribers = new DynamoDbSubscribers({ client: aws.clients.dynamoDb, tableName: aws.table, clock: systemClock });
  for (const client of [aws.clients.dynamoDb, aws.clients.sqs] as DynamoDBClient[]) {
    client.middlewareStack.add(
      (next, context) => (args) => {
        calls.push(context.commandName ?? "");
        return next(args);
      },
      { step: "initialize", name: "count" },
    );
  }
});
afterAll(() => aws.close());
beforeEach(async () => {
  await aws.clients.sqs.send(new PurgeQueueCommand({ QueueUrl: aws.watchedQueueUrl }));
  tenant = newTenant();
  jobId = newJobId();
});

function watchers(props: Partial<SqsWatchersProps> = {}) {
  const failures: unknown[] = [];
  const made = new SqsWatchers({
    queue: new DeliveryQueue(aws.clients.sqs, aws.watchedQueueUrl),
    subscribers,
    clock: systemClock,
    onError: (_, error) => failures.push(error),
    ...props,
  });
  return { made, failures };
}
const commit = (seq: number, fields: Partial<Committed> = {}): Committed => ({
  jobId,
  tenant,
  seq,
  isFirst: false,
  ended: false,
  ...fields,
});

/** A connection of the tenant watches the job, or all of the tenant's. */
async function watch(to: JobId | undefined): Promise<void> {
  const connection = { id: randomUUID(), tenant, expiresMs: Date.now() + 60_000 };
  await subscribers.connect(connection);
  const { id: connectionId, expiresMs } = connection;
  const place = { connectionId, id: "a", token: randomUUID(), isDerived: false, afterSeq: 0 };
  await subscribers.subscribe({ ...place, tenant, jobId: to, expiresMs }, 1);
}

/** A client each of whose calls is sent by what is given. */
function dynamoDbClientOf(around: (send: () => Promise<unknown>) => () => Promise<unknown>): DynamoDBClient {
  const { dynamoDb } = aws.clients;
  return new Proxy(dynamoDb, {
    get: (target, name) =>
      name === "send" ? (command: never) => around(() => target.send(command))() : Reflect.get(target, name),
  });
}

/** What delivery is told of this job, in order: one message after the other, as there is one group. */
async function told(): Promise<WatchedJob[]> {
  const all: WatchedJob[] = [];
  for (;;) {
    const { Messages = [] } = await aws.clients.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: aws.watchedQueueUrl,
        MessageSystemAttributeNames: ["MessageGroupId"],
      }),
    );
    if (Messages.length === 0) return all;
    for (const { Body = "", Attributes, ReceiptHandle } of Messages) {
      const message = WatchedJob.parse(JSON.parse(Body));
      expect([Attributes?.MessageGroupId, message.jobId]).toEqual([jobId, jobId]);
      all.push(message);
      await aws.clients.sqs.send(new DeleteMessageCommand({ QueueUrl: aws.watchedQueueUrl, ReceiptHandle }));
    }
  }
}

test("a commit of a job that nobody watches costs one read", async () => {
  const { made } = watchers();
  calls.length = 0;
  made.committed(commit(3));
  await made.settled();
  expect(calls).toEqual(["QueryCommand"]);
  expect(await told()).toEqual([]);
});

test("of one that somebody watches delivery is told, once", async () => {
  await watch(jobId);
  await watch(jobId);
  const { made } = watchers();
  calls.length = 0;
  made.committed(commit(3));
  await made.settled();
  expect(calls).toEqual(["QueryCommand", "SendMessageCommand"]);
  expect(await told()).toEqual([{ jobId }]);
});

test("a job's first commit is for who watches all of its tenant, in one read; later ones are not", async () => {
  await watch(undefined);
  const { made } = watchers();
  calls.length = 0;
  made.committed(commit(2, { isFirst: true }));
  await made.settled();
  made.committed(commit(3));
  await made.settled();
  expect(calls).toEqual(["QueryCommand", "SendMessageCommand", "QueryCommand"]);
  expect(await told()).toEqual([{ jobId, newOf: tenant }]);
});

test("a new job is not followed for who stops to watch all jobs just then, at whatever moment", async () => {
  // What follows a job is written in two steps, and looked at in a third.
  for (let step = 1; step <= 3; step++) {
    jobId = newJobId();
    const connection = { id: randomUUID(), tenant, expiresMs: Date.now() + 60_000 };
    await subscribers.connect(connection);
    const { id: connectionId, expiresMs } = connection;
    const all = { connectionId, id: "a", token: randomUUID(), isDerived: false, afterSeq: 0, tenant, expiresMs };
    await subscribers.subscribe({ ...all, jobId: undefined }, 1);
    let left = step;
    const racing = dynamoDbClientOf((send) => async () => {
      left -= 1;
      if (left === 0) await subscribers.unsubscribe(connectionId, "a");
      return send();
    });
    const others = new DynamoDbSubscribers({ client: racing, tableName: aws.table, clock: systemClock });
    expect(await others.subscribe({ ...all, jobId, isDerived: true }, 1)).toBe("gone");
    expect(left).toBeLessThanOrEqual(0);
    expect(await subscribers.ofJob(jobId)).toEqual([]);
  }
});

test("what is committed while a read is under way is read for anew, all of it once", async () => {
  const reads: (() => void)[] = [];
  const slow: SqsWatchersProps["subscribers"] = {
    ofTenant: (of) => subscribers.ofTenant(of),
    async ofJob(of) {
      await new Promise<void>((resolve) => reads.push(resolve));
      return subscribers.ofJob(of);
    },
  };
  const { made } = watchers({ subscribers: slow });
  for (const seq of [3, 4, 5]) made.committed(commit(seq));
  expect(reads).toHaveLength(1);
  await watch(jobId);
  reads[0]?.();
  await expect.poll(() => reads.length).toBe(2);
  reads[1]?.();
  await made.settled();
  expect(await told()).toEqual([{ jobId }, { jobId }]);
  made.committed(commit(6));
  expect(reads).toHaveLength(3);
  reads[2]?.();
  await made.settled();
});

/** A queue that fails the next so many times. */
class FailingQueue extends DeliveryQueue {
  failures = 1;

  override async tell(...message: Parameters<DeliveryQueue["tell"]>): Promise<void> {
    this.failures -= 1;
    if (this.failures >= 0) throw new Error("SQS is away");
    await super.tell(...message);
  }
}

test("that a job has begun is told after its next commit where it could not be told before", async () => {
  await watch(undefined);
  const { made, failures } = watchers({ queue: new FailingQueue(aws.clients.sqs, aws.watchedQueueUrl) });
  made.committed(commit(1, { isFirst: true }));
  await made.settled();
  expect(failures).toHaveLength(1);
  for (const seq of [2, 3]) {
    made.committed(commit(seq));
    await made.settled();
  }
  expect(await told()).toEqual([{ jobId, newOf: tenant }]);
});

test("what was not told of several jobs is told once one is, at the price of one call a commit until then", async () => {
  await watch(undefined);
  const queue = new FailingQueue(aws.clients.sqs, aws.watchedQueueUrl);
  queue.failures = 4;
  const { made, failures } = watchers({ queue });
  const others = [newJobId(), newJobId(), newJobId()];
  for (const other of others) made.committed(commit(1, { jobId: other, isFirst: true }));
  await made.settled();
  calls.length = 0;
  made.committed(commit(2));
  await made.settled();
  expect([failures.length, calls]).toEqual([4, ["QueryCommand", "QueryCommand"]]);
  const tells: JobId[] = [];
  const tell = queue.tell.bind(queue);
  queue.tell = async (job, id) => {
    tells.push(job.jobId as JobId);
    await tell(job, id);
  };
  made.committed(commit(3));
  await made.settled();
  expect(tells.toSorted()).toEqual(others.toSorted());
  made.committed(commit(4));
  await made.settled();
  expect(tells).toHaveLength(3);
});

test("that a job has begun is told again for one read, and comes once within five minutes", async () => {
  const { made } = watchers();
  calls.length = 0;
  made.again({ jobId, tenant });
  await made.settled();
  expect(calls).toEqual(["QueryCommand"]);
  await watch(undefined);
  made.committed(commit(1, { isFirst: true }));
  made.again({ jobId, tenant });
  await made.settled();
  made.again({ jobId, tenant });
  await made.settled();
  expect(await told()).toEqual([{ jobId, newOf: tenant }]);
});

test("who cannot be asked for, or told, fails nothing", async () => {
  const away = new Error("away");
  const failing: Pick<Subscribers, "ofJob" | "ofTenant"> = {
    ofJob: () => Promise.reject(away),
    ofTenant: () => Promise.reject(away),
  };
  const { made, failures } = watchers({ subscribers: failing });
  made.committed(commit(3));
  made.committed(commit(1, { isFirst: true }));
  await made.settled();
  expect(failures).toEqual([away, away]);
});

test("an invocation waits for two seconds at most", async () => {
  const clock = new VirtualClock();
  const never: Pick<Subscribers, "ofJob" | "ofTenant"> = {
    ofJob: () => new Promise(() => {}),
    ofTenant: () => new Promise(() => {}),
  };
  const { made } = watchers({ subscribers: never, clock });
  made.committed(commit(3));
  let settled = false;
  const waiting = made.settled().then(() => {
    settled = true;
  });
  await clock.advance(1_999);
  expect(settled).toBe(false);
  await clock.advance(1);
  await waiting;
});
