import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import type { JobEvent } from "../../src/contract/events.ts";
import type { ServerMessage } from "../../src/contract/socket.ts";
import { type Embedded, startEmbedded } from "../../src/host/host.ts";
import app from "./faulty-app.ts";
import { Caller } from "./server.ts";

const silent = { debug() {}, info() {}, warn() {}, error: (...said: unknown[]) => errors.push(said) };
const errors: unknown[] = [];
const resources = {
  tools: app.tools,
  model: app.model,
  price: undefined,
  corpus: { search: () => [], read: () => undefined },
};

let embedded: Embedded;
let url: string;
let caller: Caller;
let other: Caller;

beforeAll(async () => {
  embedded = startEmbedded({ app, resources, logger: silent, dataDir: undefined });
  url = await embedded.listen(0, "127.0.0.1");
  caller = new Caller(url, { "x-tenant-id": "acme" });
  other = new Caller(url, { "x-tenant-id": "globex" });
});
afterAll(async () => {
  await embedded.close();
  expect(errors).toEqual([]);
});

interface Opened {
  readonly socket: WebSocket;
  readonly messages: ServerMessage[];
  say(message: object | string): void;
  /** The first message that fits, of all so far and to come. */
  first(fits: Partial<ServerMessage>): Promise<ServerMessage>;
  events(id: string): JobEvent[];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

async function open(at = url, headers: Record<string, string> = { "x-tenant-id": "acme" }): Promise<Opened> {
  const socket = new WebSocket(`${at.replace("http", "ws")}/v1/socket`, "sluice.v1", { headers });
  const messages: ServerMessage[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data))));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on("close", (code, reason) => resolve({ code, reason: String(reason) })),
  );
  socket.on("error", () => {});
  await once(socket, "open");
  return {
    socket,
    messages,
    closed,
    say: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    first: (fits) =>
      vi.waitUntil(
        () => messages.find((each) => Object.entries(fits).every(([key, value]) => (each as never)[key] === value)),
        { timeout: 60_000 },
      ),
    events: (id) => messages.flatMap((each) => (each.type === "event" && each.id === id ? [each.event] : [])),
  };
}

/** How a handshake is refused. */
async function refusal(path: string, headers: Record<string, string>, ...protocols: string[]) {
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, protocols, { headers });
  socket.on("error", () => {});
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, import("node:http").IncomingMessage];
  response.resume();
  return response.statusCode;
}

describe("a subscription", () => {
  test("gets a job's events from its beginning, as they come, and is complete with it", async () => {
    const { id: jobId } = await caller.submit("sleepy", { ms: 50, steps: 2 });
    const client = await open();
    client.say({ type: "subscribe", id: "s", jobId });
    const complete = await client.first({ type: "complete", id: "s" });
    const log = await caller.events(jobId);
    expect(client.events("s")).toEqual(log);
    expect(complete).toEqual({ type: "complete", id: "s", jobId, seq: log.length });
    expect(client.messages.filter(({ type }) => type === "subscribed")).toEqual([
      { type: "subscribed", id: "s", jobId },
    ]);
    client.socket.close();
  });

  test("begins after its cursor, and of a job that has ended is complete at once", async () => {
    const { id: jobId } = await caller.run("echoes", { text: "x" });
    const log = await caller.events(jobId);
    const client = await open();
    client.say({ type: "subscribe", id: "some", jobId, after: 2 });
    client.say({ type: "subscribe", id: "none", jobId, after: log.length });
    await client.first({ type: "complete", id: "none" });
    await client.first({ type: "complete", id: "some" });
    expect(client.events("some")).toEqual(log.slice(2));
    expect(client.events("none")).toEqual([]);
    client.socket.close();
  });

  test("in the place of another begins anew, and what is ended gets nothing more", async () => {
    const { id: jobId } = await caller.submit("sleepy", { ms: 400, steps: 1 });
    const client = await open();
    client.say({ type: "subscribe", id: "s", jobId });
    client.say({ type: "subscribe", id: "gone", jobId });
    await client.first({ type: "subscribed", id: "gone" });
    client.say({ type: "unsubscribe", id: "gone" });
    client.say({ type: "ping" });
    await client.first({ type: "pong" });
    const before = client.events("gone").length;
    client.say({ type: "subscribe", id: "s", jobId, after: 0 });
    await client.first({ type: "complete", id: "s" });
    const log = await caller.events(jobId);
    const seqs = client.events("s").map(({ seq }) => seq);
    const again = seqs.lastIndexOf(1);
    expect(again).toBeGreaterThan(0);
    expect(seqs.slice(again)).toEqual(log.map(({ seq }) => seq));
    expect(client.events("gone")).toHaveLength(before);
    client.socket.close();
  });

  test("to all jobs gets those of the tenant that come after it, each from its first event", async () => {
    const before = await caller.submit("echoes", { text: "before" });
    const client = await open();
    client.say({ type: "subscribe", id: "all" });
    await client.first({ type: "subscribed", id: "all" });
    const foreign = await other.submit("echoes", { text: "foreign" });
    const jobs = await Promise.all([1, 2, 3].map((n) => caller.submit("sleepy", { ms: n, steps: 1 })));
    for (const { id: jobId } of jobs) {
      await client.first({ type: "complete", id: "all", jobId } as Partial<ServerMessage>);
      const own = client.events("all").filter((event) => event.jobId === jobId);
      expect(own).toEqual(await caller.events(jobId));
    }
    await other.settled(foreign.id);
    const seen = new Set<string>(client.events("all").map(({ jobId }) => jobId));
    expect([...seen].sort()).toEqual(jobs.map(({ id }) => id).sort());
    expect(seen.has(before.id)).toBe(false);
    client.socket.close();
  });

  test("of an event that does not fit into a frame gets where the whole of it is", async () => {
    const { id: jobId } = await caller.run("echoes", { text: "x".repeat(40_000) });
    const client = await open();
    client.say({ type: "subscribe", id: "s", jobId });
    await client.first({ type: "complete", id: "s" });
    const log = await caller.events(jobId);
    expect(client.events("s").map(({ seq, type }) => [seq, type])).toEqual(log.map(({ seq, type }) => [seq, type]));
    const [submitted] = client.messages.filter((each) => each.type === "event");
    if (submitted?.type !== "event" || submitted.ref === undefined) throw new Error("it has no ref");
    expect(submitted.event).not.toHaveProperty("input");
    const page = (await (await caller.get(submitted.ref)).json()) as { events: JobEvent[] };
    expect(page.events).toEqual(log.slice(0, 1));
    client.socket.close();
  });

  test("goes on over many connections without a gap, whenever they break", async () => {
    const { id: jobId } = await caller.submit("sleepy", { ms: 60, steps: 8 });
    const seen: number[] = [];
    for (let ended = false; !ended; ) {
      const client = await open();
      client.socket.on("message", (data) => {
        const message = JSON.parse(String(data)) as ServerMessage;
        if (message.type === "event" && message.event.seq > (seen.at(-1) ?? 0)) seen.push(message.event.seq);
        ended ||= message.type === "complete";
        if (seen.length % 5 === 4) client.socket.terminate();
      });
      client.say({ type: "subscribe", id: "s", jobId, after: seen.at(-1) ?? 0 });
      await Promise.race([client.closed, client.first({ type: "complete" })]);
      client.socket.terminate();
    }
    expect(seen).toEqual((await caller.events(jobId)).map(({ seq }) => seq));
  });
});

describe("what cannot be done is said, and the rest goes on:", () => {
  const NOBODYS = `job_${"a".repeat(26)}`;

  test.each<[string, object, number]>([
    ["a job that is not there", { type: "subscribe", id: "s", jobId: NOBODYS }, 404],
    ["an id of no known shape", { type: "subscribe", id: "a b", jobId: NOBODYS }, 400],
    ["a job id of no known shape", { type: "subscribe", id: "s", jobId: "job_x" }, 400],
    ["a cursor that is no whole number", { type: "subscribe", id: "s", jobId: NOBODYS, after: 1.5 }, 400],
    ["a cursor without a job", { type: "subscribe", id: "s", after: 3 }, 400],
    ["an unknown type", { type: "publish", id: "s" }, 400],
    ["a member that nobody knows", { type: "ping", more: 1 }, 400],
    ["no object", [1], 400],
  ])("%s", async (_, message, status) => {
    const client = await open();
    client.say(message);
    const error = await client.first({ type: "error" });
    expect(error).toMatchObject({ problem: { status } });
    client.say({ type: "ping" });
    await client.first({ type: "pong" });
    client.socket.close();
  });

  test("another tenant's job, and a cursor past the end", async () => {
    const { id: jobId, seq } = await caller.run("echoes", { text: "x" });
    const foreigner = await open(url, { "x-tenant-id": "globex" });
    foreigner.say({ type: "subscribe", id: "s", jobId });
    expect(await foreigner.first({ type: "error" })).toMatchObject({ id: "s", problem: { status: 404 } });
    const client = await open();
    client.say({ type: "subscribe", id: "s", jobId, after: seq + 1 });
    const detail = `after: got ${seq + 1}; the log's last seq is ${seq}`;
    expect(await client.first({ type: "error" })).toMatchObject({ id: "s", problem: { status: 400, detail } });
    foreigner.socket.close();
    client.socket.close();
  });

  test("10,000 subscriptions on one connection: 100 of them stand", async () => {
    const { id: jobId } = await caller.submit("sleepy", { ms: 4_000, steps: 1 });
    const client = await open();
    for (let n = 0; n < 10_000; n++) client.say({ type: "subscribe", id: `s${n}`, jobId, after: 1 });
    client.say({ type: "ping" });
    await client.first({ type: "pong" });
    expect(client.messages.filter(({ type }) => type === "subscribed")).toHaveLength(100);
    const refused = client.messages.filter((each) => each.type === "error" && each.problem.status === 429);
    expect(refused).toHaveLength(9_900);
    client.socket.terminate();
  });
});

describe("the server closes a connection", () => {
  test("that sends a binary frame, one that is too large, or ten that are no message", async () => {
    const binary = await open();
    binary.socket.send(Buffer.from("{}"));
    expect(await binary.closed).toMatchObject({ code: 1003 });
    const large = await open();
    large.say("x".repeat(32_769));
    expect(await large.closed).toMatchObject({ code: 1009 });
    const rude = await open();
    for (let n = 0; n < 10; n++) rude.say("no JSON");
    expect(await rude.closed).toMatchObject({ code: 1008 });
    expect(rude.messages).toHaveLength(10);
  });

  test("when it stops", async () => {
    const stopping = startEmbedded({ app, resources, logger: silent, dataDir: undefined });
    const client = await open(await stopping.listen(0, "127.0.0.1"));
    await stopping.close();
    expect(await client.closed).toMatchObject({ code: 1001 });
  });
});

describe("a handshake is refused", () => {
  const local = { "x-tenant-id": "acme" };
  test.each<[string, string, Record<string, string>, string[], number]>([
    ["without the subprotocol", "/v1/socket", local, [], 400],
    ["with another one", "/v1/socket", local, ["sluice.v2"], 400],
    ["at another path", "/v1/jobs", local, ["sluice.v1"], 404],
    ["from a page of another site", "/v1/socket", { ...local, origin: "https://evil.example" }, ["sluice.v1"], 403],
    ["under a name of another host", "/v1/socket", { ...local, host: "evil.example" }, ["sluice.v1"], 421],
    ["of a tenant of no known shape", "/v1/socket", { "x-tenant-id": "../x" }, ["sluice.v1"], 400],
  ])("%s", async (_, path, headers, protocols, status) => {
    expect(await refusal(path, headers, ...protocols)).toBe(status);
  });

  test("that is none", async () => {
    const { port } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.write(
      "GET /v1/socket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sluice.v1\r\n\r\n",
    );
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 4\d\d /);
    socket.destroy();
    expect((socket.address() as AddressInfo).port).toBeUndefined();
  });
});
