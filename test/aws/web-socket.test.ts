import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { JobId } from "../../src/contract/ids.ts";
import { MAX_BAD_FRAMES, MAX_FRAME_BYTES, type ServerMessage } from "../../src/contract/socket.ts";
import type { Resources } from "../../src/core/resources.ts";
import { DynamoDbSubscribers } from "../../src/engines/aws/dynamodb-subscribers.ts";
import { defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";
import type { LocalClient } from "../../src/testing/local-aws/web-socket-api.ts";

const Text = z.object({ text: z.string() });
const echo = defineCapability({ name: "echo", input: Text, output: Text, run: (input) => input });
const chain = defineWorkflow({
  name: "chain",
  input: Text,
  output: Text,
  async run(job, input) {
    await job.step("first", echo, input);
    return job.step("second", echo, input);
  },
});

let deployment: LocalDeployment;
/** Commands of the table and the queues, in order. */
let calls: { command: string; input: Record<string, unknown> }[];

beforeEach(async () => {
  deployment = await deployLocally({
    app: defineApp({ workflows: [chain], capabilities: [echo] }),
    resources: {} as Resources,
    webSocket: true,
  });
  calls = [];
  for (const client of [deployment.aws.clients.dynamoDb, deployment.aws.clients.sqs] as DynamoDBClient[]) {
    client.middlewareStack.add(
      (next, context) => (args) => {
        calls.push({ command: context.commandName ?? "", input: args.input as never });
        return next(args);
      },
      { step: "initialize", name: "count" },
    );
  }
});
afterEach(async () => {
  await deployment.close();
  expect(deployment.errors).toEqual([]);
});

const submit = async (text = "x", tenant?: string): Promise<JobId> =>
  (await deployment.submit("chain", { text }, {}, tenant)).body.id as JobId;
const ofType = <T extends ServerMessage["type"]>(client: LocalClient, type: T) =>
  client.frames().filter((frame): frame is Extract<ServerMessage, { type: T }> => frame.type === type);
const seqsOf = (client: LocalClient, id: string): number[] =>
  ofType(client, "event").flatMap((frame) => (frame.id === id ? [frame.event.seq] : []));
const completed = (client: LocalClient, id: string): Promise<void> =>
  expect.poll(() => ofType(client, "complete").filter((frame) => frame.id === id).length, { timeout: 20_000 }).toBe(1);
const all = async (jobId: JobId): Promise<number[]> =>
  (await deployment.events(jobId)).body.events.map(({ seq }) => seq);
const problemsOf = (client: LocalClient) => ofType(client, "error").map(({ id, problem }) => [id, problem.status]);

test("events of a running job come in order, each once, from each cursor, and end with complete", async () => {
  const client = await deployment.webSocket.connect("acme");
  const jobId = await submit();
  await client.send({ type: "subscribe", id: "all", jobId });
  await client.send({ type: "subscribe", id: "late", jobId, after: 2 });
  deployment.startWorkers();
  await deployment.ended(jobId);
  await completed(client, "all");
  await completed(client, "late");
  const events = await all(jobId);
  expect(seqsOf(client, "all")).toEqual(events);
  expect(seqsOf(client, "late")).toEqual(events.slice(2));
  expect(ofType(client, "complete").map(({ seq }) => seq)).toEqual([events.length, events.length]);
  expect(await deployment.webSocket.subscribers.ofJob(jobId)).toEqual([]);
});

test("a job that has ended is told of as one that runs", async () => {
  deployment.startWorkers();
  const jobId = await submit();
  await deployment.ended(jobId);
  const client = await deployment.webSocket.connect("acme");
  await client.send({ type: "subscribe", id: "a", jobId, after: 1 });
  await completed(client, "a");
  expect(seqsOf(client, "a")).toEqual((await all(jobId)).slice(1));
});

test("all jobs of a tenant come to who asked before they were submitted, and no other tenant's", async () => {
  const client = await deployment.webSocket.connect("acme");
  const before = await submit();
  await client.send({ type: "subscribe", id: "tenant" });
  deployment.startWorkers();
  const jobs = [await submit(), await submit("x", "globex"), await submit()] as const;
  await expect.poll(() => ofType(client, "complete").length, { timeout: 20_000 }).toBe(2);
  const seen = new Set(ofType(client, "event").map(({ event }) => event.jobId));
  expect(seen).toEqual(new Set([jobs[0], jobs[2]]));
  for (const jobId of [jobs[0], jobs[2]]) {
    const seqs = ofType(client, "event").flatMap(({ event }) => (event.jobId === jobId ? [event.seq] : []));
    expect(seqs).toEqual(await all(jobId));
  }
  expect(seen.has(before)).toBe(false);
  expect(await deployment.webSocket.subscribers.ofTenant("acme" as never)).toHaveLength(1);
});

test("of jobs that nobody watches nothing is sent, and each commit costs one read", async () => {
  const client = await deployment.webSocket.connect("acme");
  const other = await submit();
  await client.send({ type: "subscribe", id: "other", jobId: other });
  deployment.startWorkers();
  calls.length = 0;
  const jobId = await submit();
  await deployment.ended(jobId);
  await deployment.stopWorkers();
  const puts = calls.filter(({ command, input }) => {
    const item = input.Item as { pk?: { S?: string } } | undefined;
    return command === "PutItemCommand" && item?.pk?.S === jobId;
  });
  const looks = calls.filter(({ command, input }) => {
    const values = input.ExpressionAttributeValues as { ":partition"?: { S?: string } } | undefined;
    const partition = values?.[":partition"]?.S ?? "";
    return command === "QueryCommand" && (partition === `live#job#${jobId}` || partition === "live#tenant#acme");
  });
  expect(puts.length).toBeGreaterThan(3);
  expect(looks).toHaveLength(puts.length);
  expect(new Set(ofType(client, "event").map(({ event }) => event.jobId))).toEqual(new Set([other]));
  expect(calls.filter(({ input }) => input.MessageGroupId === jobId)).toEqual([]);
  expect(calls.filter(({ input }) => input.MessageGroupId === other)).not.toEqual([]);
});

test("a client that was cut off is forgotten with all that it watched, by the first frame that finds it gone", async () => {
  const { webSocket } = deployment;
  const [gone, here] = [await webSocket.connect("acme"), await webSocket.connect("acme")];
  const jobId = await submit();
  const other = await submit();
  for (const client of [gone, here]) await client.send({ type: "subscribe", id: "a", jobId });
  await gone.send({ type: "subscribe", id: "b", jobId: other });
  await gone.send({ type: "subscribe", id: "all" });
  gone.hangUp();
  deployment.startWorkers();
  await completed(here, "a");
  await expect.poll(() => webSocket.subscribers.connection(gone.connectionId)).toBeUndefined();
  for (const id of [jobId, other]) expect(await webSocket.subscribers.ofJob(id)).toEqual([]);
  expect(await webSocket.subscribers.ofTenant("acme" as never)).toEqual([]);
  expect(seqsOf(here, "a")).toEqual(await all(jobId));
});

test("a client that leaves is forgotten at once", async () => {
  const client = await deployment.webSocket.connect("acme");
  const jobId = await submit();
  await client.send({ type: "subscribe", id: "a", jobId });
  await client.disconnect();
  expect(await deployment.webSocket.subscribers.ofJob(jobId)).toEqual([]);
});

test("what the management API does not take comes again, in order and whole", async () => {
  const { webSocket } = deployment;
  const client = await webSocket.connect("acme");
  const jobId = await submit();
  await client.send({ type: "subscribe", id: "a", jobId });
  // More often than the SDK tries by itself: the queue has the rest.
  webSocket.connections.refuseNext(...Array.from({ length: 4 }, () => ({ status: 503, error: "ServiceUnavailable" })));
  deployment.startWorkers();
  await completed(client, "a");
  const seqs = seqsOf(client, "a");
  expect([...new Set(seqs)]).toEqual(await all(jobId));
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
}, 60_000);

test("a client that does not take its frames is closed and comes back; the others' events do not wait for a further try", async () => {
  const { webSocket } = deployment;
  const [slow, here] = [await webSocket.connect("acme"), await webSocket.connect("acme")];
  const jobId = await submit();
  for (const client of [slow, here]) await client.send({ type: "subscribe", id: "a", jobId });
  const release = webSocket.connections.hold(slow.connectionId);
  calls.length = 0;
  deployment.startWorkers();
  await completed(here, "a");
  await expect.poll(() => webSocket.connections.isGone(slow.connectionId), { timeout: 20_000 }).toBe(true);
  release();
  expect(calls.filter(({ command }) => command === "ChangeMessageVisibilityCommand")).toEqual([]);
  const again = await webSocket.connect("acme");
  await again.send({ type: "subscribe", id: "a", jobId });
  await completed(again, "a");
  expect(seqsOf(again, "a")).toEqual(await all(jobId));
}, 60_000);

test("a ticket's connection watches its job and no other", async () => {
  const [jobId, other] = [await submit(), await submit()];
  const client = await deployment.webSocket.connect("acme", jobId);
  await client.send({ type: "subscribe", id: "other", jobId: other });
  await client.send({ type: "subscribe", id: "all" });
  await client.send({ type: "subscribe", id: "own", jobId });
  expect(problemsOf(client)).toEqual([
    ["other", 403],
    ["all", 403],
  ]);
  expect(ofType(client, "subscribed").map(({ id }) => id)).toEqual(["own"]);
});

test("frames that are binary or too large end a connection, and so do ten that are no message", async () => {
  const { webSocket } = deployment;
  const clients = [];
  for (let n = 0; n < 3; n++) clients.push(await webSocket.connect("acme"));
  const [binary, large, talkative] = clients as [LocalClient, LocalClient, LocalClient];
  await binary.sendRaw(Buffer.from([0, 1, 2]).toString("base64"), true);
  await large.sendRaw(JSON.stringify({ type: "ping", more: "ä".repeat(MAX_FRAME_BYTES / 2) }));
  for (let n = 0; n < MAX_BAD_FRAMES; n++) {
    expect(webSocket.connections.isGone(talkative.connectionId)).toBe(false);
    await talkative.sendRaw("no JSON");
  }
  for (const { connectionId } of clients) expect(webSocket.connections.isGone(connectionId)).toBe(true);
});

test("what is left of a connection whose end nobody noticed is not there any more after two hours and ten minutes", async () => {
  const { webSocket, aws } = deployment;
  const client = await webSocket.connect("acme");
  const jobId = await submit();
  await client.send({ type: "subscribe", id: "a", jobId });
  const [kept] = await webSocket.subscribers.ofJob(jobId);
  expect(kept?.expiresMs).toBeGreaterThan(Date.now() + 129 * 60_000);
  expect(kept?.expiresMs).toBeLessThanOrEqual(Date.now() + 130 * 60_000);
  const later = new DynamoDbSubscribers({
    client: aws.clients.dynamoDb,
    tableName: aws.table,
    clock: { now: () => Date.now() + 131 * 60_000, setTimer: () => () => {} },
  });
  expect(await later.ofJob(jobId)).toEqual([]);
  expect(await later.connection(client.connectionId)).toBeUndefined();
});
