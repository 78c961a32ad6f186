import { Readable } from "node:stream";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { Update } from "../../client/follow.ts";
import { TextAssembler } from "../../client/text.ts";
import type { JobId } from "../../src/contract/ids.ts";
import type { ServerMessage } from "../../src/contract/socket.ts";
import type { Resources } from "../../src/core/resources.ts";
import { defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";
import type { LocalClient } from "../../src/testing/local-aws/web-socket-api.ts";

const Text = z.object({ text: z.string() });
/** What the step streams, and whether it has begun to. */
let words: Readable;
let begun: PromiseWithResolvers<void>;
const say = (text: string): boolean => words.push(text);
const fallSilent = (): boolean => words.push(null);
const speak = defineCapability({
  name: "speak",
  input: Text,
  output: Text,
  async run(_, step) {
    let text = "";
    begun.resolve();
    for await (const word of words as AsyncIterable<string>) {
      text += word;
      step.progress(word);
    }
    return { text };
  },
});
const speech = defineWorkflow({
  name: "speech",
  input: Text,
  output: Text,
  run: (job, input) => job.step("said", speak, input),
});

let deployment: LocalDeployment;
/** Partitions that were queried, in order. */
let queried: string[];

beforeEach(async () => {
  words = new Readable({ objectMode: true, read() {} });
  begun = Promise.withResolvers();
  deployment = await deployLocally({
    app: defineApp({ workflows: [speech], capabilities: [speak] }),
    resources: {} as Resources,
    webSocket: true,
  });
  queried = [];
  const client: DynamoDBClient = deployment.aws.clients.dynamoDb;
  client.middlewareStack.add(
    (next) => (args) => {
      const { ExpressionAttributeValues: values } = args.input as {
        ExpressionAttributeValues?: { ":partition"?: { S?: string } };
      };
      queried.push(values?.[":partition"]?.S ?? "");
      return next(args);
    },
    { step: "initialize", name: "count" },
  );
});
afterEach(async () => {
  await deployment.close();
  expect(deployment.errors).toEqual([]);
});

/** A job whose step waits for what it is to say. */
async function speaking(): Promise<JobId> {
  const { body } = await deployment.submit("speech", { text: "" });
  deployment.startWorkers();
  await begun.promise;
  return body.id as JobId;
}
const watching = async (jobId: JobId): Promise<LocalClient> => {
  const client = await deployment.webSocket.connect("acme");
  await client.send({ type: "subscribe", id: "mine", jobId });
  return client;
};
const deltasOf = (client: LocalClient) => client.frames().filter((frame) => frame.type === "delta");
const isProgress = (frame: ServerMessage): boolean => frame.type === "event" && frame.event.type === "step.progress";
/** Of the frames after the first so many, the text came in a delta before any of the log. */
const aheadOfTheLog = (client: LocalClient, from = 0): boolean => {
  const of = client.frames().slice(from);
  const delta = of.findIndex(({ type }) => type === "delta");
  const event = of.findIndex(isProgress);
  return delta >= 0 && (event < 0 || delta < event);
};
const seen = (client: LocalClient, frame: (frame: ServerMessage) => boolean): Promise<void> =>
  expect.poll(() => client.frames().some(frame), { timeout: 20_000 }).toBe(true);
const shown = (client: LocalClient, text: string): Promise<void> =>
  seen(client, (frame) => frame.type === "delta" && frame.offset + frame.text.length === text.length);
/** What a client of ours makes of its frames, in the order in which they came. */
function textOf(client: LocalClient): string {
  const text = new TextAssembler();
  const updates = client.frames().flatMap((frame): Update[] => {
    if (frame.type === "event") return [{ type: "event", event: frame.event as never }];
    return frame.type === "delta" ? [{ type: "delta", delta: frame }] : [];
  });
  return updates.map((update) => text.add(update)?.text ?? "").join("");
}
const logOf = async (jobId: JobId) => (await deployment.events(jobId)).body.events;

test("words come before the log has them, under each subscription's name, and with the events they are the whole text", async () => {
  const all = await deployment.webSocket.connect("acme");
  await all.send({ type: "subscribe", id: "all" });
  const jobId = await speaking();
  const client = await watching(jobId);
  let text = "";
  const tell = (words: string): void => {
    text += words;
    say(words);
  };
  tell("Once ");
  await shown(client, text);
  expect(aheadOfTheLog(client)).toBe(true);
  tell("upon ");
  await shown(client, text);
  await shown(all, text);
  expect(deltasOf(all)[0]).toEqual({
    type: "delta",
    id: "all",
    jobId,
    stepId: "said",
    attempt: 1,
    offset: 0,
    text: "Once ",
  });
  expect(new Set(deltasOf(client).map(({ id }) => id))).toEqual(new Set(["mine"]));
  // The log has had its turn in between, and words go on to run ahead of it.
  await seen(client, isProgress);
  const before = client.frames().length;
  tell("a ");
  await shown(client, text);
  expect(aheadOfTheLog(client, before)).toBe(true);
  tell("time.");
  fallSilent();
  await deployment.ended(jobId);
  for (const each of [client, all]) {
    await seen(each, (frame) => frame.type === "complete");
    expect(textOf(each)).toBe(text);
  }
}, 60_000);

test("of a job that nobody watches nothing is sent: a step that streams costs one read more than its job's commits", async () => {
  const jobId = await speaking();
  const other = await deployment.webSocket.connect("globex");
  await other.send({ type: "subscribe", id: "all" });
  for (let n = 0; n < 5_000; n += 10) say("0123456789");
  await expect.poll(async () => (await logOf(jobId)).map(({ type }) => type)).toContain("step.progress");
  fallSilent();
  await deployment.ended(jobId);
  await deployment.stopWorkers();
  const commits = await deployment.newRuntime().log.read(jobId);
  const looks = queried.filter((partition) => partition === `live#job#${jobId}`);
  // Of a job's first commit it is asked who watches all of the tenant's.
  expect(looks).toHaveLength(commits.length - 1 + 1);
  // That it is subscribed.
  expect(other.frames()).toHaveLength(1);
  expect(deployment.webSocket.connections.requests).toBe(1);
}, 60_000);

test("who comes while a step streams has its words from the next record on", async () => {
  const jobId = await speaking();
  say("Nobody hears this. ");
  await expect.poll(() => queried.filter((partition) => partition === `live#job#${jobId}`).length).toBeGreaterThan(1);
  const client = await watching(jobId);
  await seen(client, isProgress);
  say("But this. ");
  await seen(client, (frame) => frame.type === "delta");
  expect(textOf(client)).toBe("Nobody hears this. But this. ");
  fallSilent();
  await deployment.ended(jobId);
}, 60_000);

test("a connection that is gone costs a step nothing, and others neither", async () => {
  const jobId = await speaking();
  const [gone, client] = [await watching(jobId), await watching(jobId)];
  gone.hangUp();
  say("Once ");
  await shown(client, "Once ");
  fallSilent();
  const { status } = await deployment.ended(jobId);
  expect(status).toBe("completed");
  await seen(client, (frame) => frame.type === "complete");
  await expect.poll(() => deployment.webSocket.subscribers.connection(gone.connectionId)).toBeUndefined();
  expect(gone.frames().filter(({ type }) => type === "delta")).toEqual([]);
});

test("a step ends, and with it its job, while a connection takes nothing", async () => {
  const jobId = await speaking();
  const client = await watching(jobId);
  const release = deployment.webSocket.connections.hold(client.connectionId);
  const before = client.frames().length;
  const requests = deployment.webSocket.connections.requests;
  say("Once ");
  await expect.poll(() => deployment.webSocket.connections.requests).toBeGreaterThan(requests);
  say("upon a time.");
  fallSilent();
  await deployment.ended(jobId);
  expect(client.frames()).toHaveLength(before);
  release();
  await seen(client, (frame) => frame.type === "complete");
  expect(textOf(client)).toBe("Once upon a time.");
  expect((await logOf(jobId)).filter(({ type }) => type === "step.started")).toHaveLength(1);
}, 60_000);
