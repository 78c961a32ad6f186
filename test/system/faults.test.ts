import { setTimeout as pause } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { type ChannelName, SluiceClient } from "../../client/index.ts";
import { eventsOf, type JobEvent } from "../../src/contract/events.ts";
import type { JobId } from "../../src/contract/ids.ts";
import { OWN_WEBHOOK, type WebhookDelivery, type WebhookSecret, webhookIdOf } from "../../src/contract/webhooks.ts";
import { readCommits } from "../../src/core/read-job.ts";
import { type Embedded, startEmbedded } from "../../src/host/host.ts";
import { loadResources } from "../../src/host/load-resources.ts";
import { createLogger } from "../../src/host/logger.ts";
import { defineApp, defineCapability, defineWorkflow } from "../../src/index.ts";
import { withSeed } from "../../src/testing/random.ts";
import { type Fault, startFaultProxy } from "../channels/fault-proxy.ts";
import { FAULT_KINDS, randomFault } from "../channels/random-fault.ts";
import { type ReadJob, readByEventSource, readByWebSocket } from "../channels/readers.ts";
import { type Receiver, startReceiver } from "../channels/webhook-receiver.ts";
import { all, HASTY } from "../client/follower.ts";
import { Dice } from "../simulation/dice.ts";
import { temporaryFolder } from "./server.ts";

/** At least, and of them in each channel a part. */
const FAULTS = 200;
const FAULTS_PER_CHANNEL = 20;
const JOBS = 4;
/** Of each channel, for each job. */
const READERS = 3;
const STEPS = 3;
const WAITING_CALLERS = 6;
/** Between one fault of a connection and the next: what readers are sent is some 20 KB, an answer that was waited for 1 KB. */
const READER_BYTES = 8_000;
const WAITER_BYTES = 1_000;
const WEBHOOK_BYTES = 130;
/** The sender of a webhook gives a connection up that is silent for 15 s: that is tested elsewhere. */
const WEBHOOK_KINDS = FAULT_KINDS.filter((kind) => kind !== "half-open");
const WEBHOOK_EVENTS = ["step.completed", "job.completed"] as const;

/** What a stream of bytes can break when it is cut anywhere. */
const WORDS = Array.from({ length: 40 }, (_, n) => `w${n} ä\n\r\n\u2028 data: 🙂 `);
const talk = defineCapability({
  name: "talk",
  input: z.object({}),
  output: z.object({ text: z.string() }),
  concurrency: 100,
  async run(_, step) {
    for (const word of WORDS) {
      step.progress(word);
      await pause(50, undefined, { signal: step.signal });
    }
    return { text: WORDS.join("") };
  },
});
const nod = defineCapability({
  name: "nod",
  input: z.object({ n: z.number() }),
  output: z.object({ n: z.number() }),
  concurrency: 100,
  run: async (input) => pause(300, input),
});
const talks = defineWorkflow({
  name: "talks",
  input: z.object({}),
  output: z.object({ texts: z.number() }),
  async run(job) {
    for (let n = 0; n < STEPS; n++) await job.step(`talk/${n}`, talk, {});
    return { texts: STEPS };
  },
});
const nods = defineWorkflow({
  name: "nods",
  input: z.object({ n: z.number() }),
  output: z.object({ n: z.number() }),
  run: (job, input) => job.step("nod", nod, input),
});
const app = defineApp({ workflows: [talks, nods], capabilities: [talk, nod] });

const RETRY = { ...HASTY, attempts: 100, silenceMs: 1_000, connectMs: 2_000, requestTimeoutMs: 2_000, maxPollMs: 200 };
const clientBy = (url: string, channel: ChannelName): SluiceClient => new SluiceClient({ url, channel, retry: RETRY });
const CLIENT_CHANNELS: readonly ChannelName[] = ["poll", "sse", "websocket"];
const CHANNELS: Readonly<Record<string, ReadJob>> = {
  ...Object.fromEntries(
    CLIENT_CHANNELS.map((channel) => [channel, (url, jobId) => all(clientBy(url, channel).job(jobId).events())]),
  ),
  "an EventSource": readByEventSource,
  "a WebSocket": readByWebSocket,
};

const running: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of running.splice(0).reverse()) await end();
});

async function start() {
  const folder = temporaryFolder();
  running.push(async () => folder[Symbol.dispose]());
  const resources = loadResources(app, { dataDir: undefined });
  const logger = createLogger("ERROR");
  const embedded = startEmbedded({ app, resources, logger, dataDir: folder.path, webhooksToLoopback: true });
  running.push(() => embedded.close(0));
  const receiver = await startReceiver();
  running.push(async () => receiver[Symbol.asyncDispose]());
  return { embedded, url: await embedded.listen(0, "127.0.0.1"), receiver };
}

async function behind(url: string, next: () => Fault) {
  const proxy = await startFaultProxy(Number(new URL(url).port), next);
  running.push(() => proxy.close());
  return { proxy, url: `http://127.0.0.1:${proxy.port}` };
}

/** The first answer is lost on its way: what asked for it has to be sent a second time. */
function firstLost(next: () => Fault): () => Fault {
  const first: Fault[] = [{ kind: "reset", atByte: 0 }];
  return () => first.shift() ?? next();
}

/** Past everything that a channel has a part in. */
async function logOf({ runtime }: Embedded, jobId: JobId): Promise<JobEvent[]> {
  const { commits } = await readCommits(runtime, jobId);
  return JSON.parse(JSON.stringify(commits.flatMap(eventsOf))) as JobEvent[];
}

/** Resolves when so many were delivered. Whoever is told by them does not wait for the five minutes after a second failure. */
async function delivered(url: string, jobId: string, count: number): Promise<void> {
  const path = `${url}/v1/jobs/${jobId}/webhooks`;
  for (;;) {
    const { deliveries } = (await (await fetch(path)).json()) as { deliveries: WebhookDelivery[] };
    if (deliveries.filter(({ status }) => status === "delivered").length === count) return;
    for (const { id, nextAt } of deliveries) {
      const isFar = nextAt !== undefined && Date.parse(nextAt) > Date.now() + 10_000;
      if (isFar) await fetch(`${path}/${id}/resend`, { method: "POST" });
    }
    await pause(50);
  }
}

/** The bodies of what was received, by `webhook-id`. Throws for one whose signature is not right. */
async function toldOf({ received }: Receiver, url: string): Promise<Map<string, Set<string>>> {
  const { secret } = (await (await fetch(`${url}/v1/webhooks/secret`)).json()) as WebhookSecret;
  const told = new Map<string, Set<string>>();
  for (const { headers, body } of received) {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    const id = String(headers["webhook-id"]);
    told.set(id, (told.get(id) ?? new Set()).add(body));
  }
  return told;
}

test("over a network that breaks 200 times, every reader on every channel ends with the identical list of events", async () => {
  await withSeed(async (random) => {
    const dice = new Dice(Math.floor(random() * 2 ** 32));
    const { embedded, url, receiver } = await start();
    const near = new SluiceClient({ url });
    const hooks = await behind(
      receiver.url,
      firstLost(() => randomFault(dice, WEBHOOK_BYTES, WEBHOOK_KINDS)),
    );
    const waits = await behind(
      url,
      firstLost(() => randomFault(dice, WAITER_BYTES)),
    );
    const channels = await Promise.all(
      Object.entries(CHANNELS).map(async ([name, read]) => ({
        name,
        read,
        ...(await behind(url, () => randomFault(dice, READER_BYTES))),
      })),
    );
    const faults = () => [hooks, waits, ...channels].flatMap(({ proxy }) => proxy.happened);

    const webhook = { url: `${hooks.url}/hook`, events: [...WEBHOOK_EVENTS] };
    const jobs: JobId[] = [];
    for (let n = 0; n < JOBS; n++) jobs.push((await near.submit("talks", {}, { webhook })).id as JobId);
    const got: { readonly name: string; readonly jobId: JobId; readonly events: readonly JobEvent[] }[] = [];
    const read = (jobId: JobId) =>
      channels.map(async (each) => {
        got.push({ name: each.name, jobId, events: await each.read(each.url, jobId) });
      });
    const texts = CLIENT_CHANNELS.map(async (channel) => {
      const at = channels.find(({ name }) => name === channel)?.url ?? "";
      const chunks = await all(
        clientBy(at, channel)
          .job(jobs[0] ?? "")
          .text(),
      );
      return chunks.map(({ text }) => text).join("");
    });
    const answers = Array.from({ length: WAITING_CALLERS }, async (_, n) => {
      const job = await clientBy(waits.url, "poll").submit("nods", { n }, { waitSeconds: 2 });
      return job.result();
    });
    await Promise.all([
      ...jobs.flatMap((id) => Array.from({ length: READERS }, () => read(id)).flat()),
      ...jobs.map((id) => delivered(url, id, STEPS + 1)),
    ]);
    // Those who come later read the same, until the network has broken often enough.
    const isTooFew = () =>
      faults().length < FAULTS || channels.some(({ proxy }) => proxy.happened.length < FAULTS_PER_CHANNEL);
    while (isTooFew()) await Promise.all(read(dice.pick(jobs)));
    expect(new Set(faults())).toEqual(new Set(FAULT_KINDS));

    const logs = new Map<string, readonly JobEvent[]>();
    for (const id of jobs) logs.set(id, await logOf(embedded, id));
    for (const { name, jobId, events } of got) expect(events, `read by ${name}`).toEqual(logs.get(jobId));
    for (const text of await Promise.all(texts)) expect(text).toBe(WORDS.join("").repeat(STEPS));

    expect(await Promise.all(answers)).toEqual(Array.from({ length: WAITING_CALLERS }, (_, n) => ({ n })));
    expect(await all(near.list()), "a submission that was sent twice is one job").toHaveLength(JOBS + WAITING_CALLERS);

    const told = await toldOf(receiver, url);
    const asked = [...logs.values()].flat().filter(({ type }) => (WEBHOOK_EVENTS as readonly string[]).includes(type));
    const ids = asked.map(({ jobId, seq }) => webhookIdOf(jobId, seq, OWN_WEBHOOK));
    expect([...told.keys()].sort()).toEqual(ids.sort());
    expect(receiver.received.length, "one was told twice").toBeGreaterThan(asked.length);
    for (const bodies of told.values()) expect(bodies.size, "a repeat says the same").toBe(1);
  });
});
