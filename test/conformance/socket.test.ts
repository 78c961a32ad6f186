import { describe, expect } from "vitest";
import type { EventPage } from "../../src/contract/api.ts";
import { MAX_BAD_FRAMES, MAX_SUBSCRIPTIONS, SOCKET_PROTOCOL } from "../../src/contract/socket.ts";
import { SocketClient } from "./socket-client.ts";
import { test as base, unique } from "./suite.ts";

const NOBODYS = `job_${"a".repeat(26)}`;

const test = base.extend("connect", ({ api, keys, socketUrl }, { onCleanup }) => {
  const open: SocketClient[] = [];
  onCleanup(() => {
    for (const client of open) client.break();
  });
  return async (key = keys.key): Promise<SocketClient> => {
    const client = await SocketClient.connect(socketUrl, key, api.patience.settleMs);
    open.push(client);
    return client;
  };
});

describe("WebSocket", () => {
  test("tells the same as pages do, from any cursor, and when there is no more", async ({ api, connect }) => {
    const { id: jobId } = await api.submit("trial", { mode: "streams", text: "one two three" });
    const client = await connect();
    client.say({ type: "subscribe", id: "all", jobId });
    const [complete] = await client.until("complete", "all");
    const log = await api.events(jobId);
    expect(client.log("all", jobId)).toEqual(log);
    expect(complete).toEqual({ type: "complete", id: "all", jobId, seq: log.length });
    expect(client.of("subscribed", "all")).toEqual([{ type: "subscribed", id: "all", jobId }]);
    for (const after of [1, log.length - 1, log.length]) {
      const id = `after-${after}`;
      client.say({ type: "subscribe", id, jobId, after });
      await client.until("complete", id);
      expect(client.log(id, jobId)).toEqual(log.slice(after));
    }
  });

  test("goes on after a cursor, whenever the connection breaks", async ({ api, connect }) => {
    const { id: jobId } = await api.submit("trial", { mode: "recalls", text: unique() });
    const seen: number[] = [];
    for (let ended = false; !ended; ) {
      const client = await connect();
      client.say({ type: "subscribe", id: "s", jobId, after: seen.at(-1) ?? 0 });
      await Promise.race([client.until("event", "s", 2), client.until("complete", "s")]).catch(() => {});
      client.break();
      seen.push(...client.log("s", jobId).map(({ seq }) => seq));
      ended = client.of("complete", "s").length > 0;
    }
    expect(seen).toEqual((await api.events(jobId)).map(({ seq }) => seq));
  });

  test("follows many jobs on one connection, each under its own id", async ({ api, connect }) => {
    const client = await connect();
    const jobs = await Promise.all(
      Array.from({ length: 5 }, (_, n) => api.submit("trial", { mode: "streams", text: `${n}` })),
    );
    for (const [n, { id: jobId }] of jobs.entries()) client.say({ type: "subscribe", id: `job.${n}`, jobId });
    for (const [n, { id: jobId }] of jobs.entries()) {
      await client.until("complete", `job.${n}`);
      expect(client.log(`job.${n}`, jobId)).toEqual(await api.events(jobId));
      expect(client.of("event", `job.${n}`).every(({ event }) => event.jobId === jobId)).toBe(true);
    }
  });

  test("follows all jobs that its tenant submits from then on, each from its first event", async ({
    api,
    other,
    connect,
  }) => {
    const before = await api.run("echo", { text: unique() });
    const client = await connect();
    client.say({ type: "subscribe", id: "all" });
    expect(await client.until("subscribed", "all")).toEqual([{ type: "subscribed", id: "all" }]);
    const foreign = await other.run("echo", { text: unique() });
    const jobs = [await api.run("echo", { text: unique() }), await api.run("trial", { mode: "streams", text: "a b" })];
    for (const { id: jobId } of jobs) {
      const complete = () => client.of("complete", "all").some((each) => each.jobId === jobId);
      await api.late(`the end of ${jobId}`, async () => complete(), Boolean);
      expect(client.log("all", jobId)).toEqual(await api.events(jobId));
    }
    for (const { id } of [before, foreign]) expect(client.log("all", id)).toEqual([]);
  });

  test("takes a subscription under an id in use in the place of the one before", async ({ api, connect }) => {
    const [first, second] = [await api.run("echo", { text: "1" }), await api.run("echo", { text: "2" })];
    const client = await connect();
    client.say({ type: "subscribe", id: "s", jobId: first.id });
    await client.until("complete", "s");
    client.say({ type: "subscribe", id: "s", jobId: second.id });
    await client.until("complete", "s", 2);
    expect(client.log("s", second.id)).toEqual(await api.events(second.id));
  });

  test("sends what is too large for a frame by reference", async ({ api, connect }) => {
    const { id: jobId } = await api.run("echo", { text: "ä".repeat(20_000) });
    const client = await connect();
    client.say({ type: "subscribe", id: "s", jobId });
    await client.until("complete", "s");
    const log = await api.events(jobId);
    expect(client.log("s", jobId).map(({ seq, type }) => [seq, type])).toEqual(log.map(({ seq, type }) => [seq, type]));
    const large = client.of("event", "s").filter(({ ref }) => ref !== undefined);
    expect(large.map(({ event }) => event.type)).toContain("job.submitted");
    for (const { event, ref = "" } of large) {
      const page = (await (await api.get(ref.slice(1))).json()) as EventPage;
      expect(page.events).toEqual([log[event.seq - 1]]);
      expect(page.events[0]).toMatchObject(event);
    }
  });

  test("says what cannot be done, and goes on", async ({ api, other, connect }) => {
    const [job, foreign] = [await api.run("echo", { text: "mine" }), await other.run("echo", { text: "theirs" })];
    const client = await connect();
    client.say({ type: "subscribe", id: "unknown", jobId: NOBODYS });
    client.say({ type: "subscribe", id: "foreign", jobId: foreign.id });
    client.say({ type: "subscribe", id: "past", jobId: job.id, after: job.seq + 1 });
    client.say({ type: "subscribe", id: "cursor", jobId: job.id, after: -1 });
    client.say({ type: "publish", id: "type" });
    client.say("no JSON");
    const statusOf = async (id?: string) => (await client.until("error", id))[0]?.problem.status;
    expect(await statusOf("unknown")).toBe(404);
    expect(await statusOf("foreign")).toBe(404);
    expect(await statusOf("past")).toBe(400);
    expect(await statusOf("cursor")).toBe(400);
    expect(await statusOf("type")).toBe(400);
    await client.until("error", undefined, 6);
    expect(client.of("error").filter(({ id }) => id === undefined)).toMatchObject([{ problem: { status: 400 } }]);
    client.say({ type: "ping" });
    await client.until("pong");
    expect(client.of("event")).toEqual([]);
  });

  test("sends nothing more for what was unsubscribed, and the place is free", async ({ api, connect }) => {
    const { id: jobId } = await api.submit("trial", { mode: "is-signalled", text: unique() });
    const client = await connect();
    client.say({ type: "subscribe", id: "s", jobId });
    await client.until("subscribed", "s");
    await client.until("event", "s");
    client.say({ type: "unsubscribe", id: "s" });
    client.say({ type: "unsubscribe", id: "nothing" });
    client.say({ type: "ping" });
    await client.until("pong");
    client.say({ type: "subscribe", id: "other", jobId, after: 1 });
    await client.until("subscribed", "other");
    await api.command(jobId, "cancel");
    await client.until("complete", "other");
    expect(client.of("complete", "s")).toEqual([]);
    expect(client.log("s", jobId).at(-1)?.type).not.toBe("job.cancelled");
  });

  test(`refuses more than ${MAX_SUBSCRIPTIONS} subscriptions of a connection, each with an error`, async ({
    api,
    connect,
  }) => {
    const { id: jobId } = await api.submit("trial", { mode: "is-signalled", text: unique() });
    const client = await connect();
    for (let n = 0; n < MAX_SUBSCRIPTIONS; n += 10) {
      for (let m = n; m < n + 10; m++) client.say({ type: "subscribe", id: `s${m}`, jobId });
      await client.until("subscribed", undefined, n + 10);
    }
    for (let n = 0; n < 5; n++) client.say({ type: "subscribe", id: `more${n}`, jobId });
    const errors = await client.until("error", undefined, 5);
    expect(errors.map(({ id, problem }) => `${id} ${problem.status}`).sort()).toEqual(
      [0, 1, 2, 3, 4].map((n) => `more${n} 429`),
    );
    client.say({ type: "subscribe", id: "s7", jobId, after: 1 });
    await client.until("subscribed", "s7", 2);
    await api.command(jobId, "cancel");
  });

  test("closes a connection that sends binary, too much, or what is no message again and again", async ({
    connect,
  }) => {
    const [binary, large, rude] = await Promise.all([connect(), connect(), connect()]);
    binary.say(Buffer.from('{"type":"ping"}'));
    large.say("x".repeat(40_000));
    for (let n = 0; n < MAX_BAD_FRAMES; n++) rude.say("no JSON");
    await Promise.all([binary.closed(), large.closed(), rude.closed()]);
    expect(binary.of("pong")).toEqual([]);
  });

  test("is refused without the subprotocol, without a key, and with a wrong one", async ({ keys, socketUrl }) => {
    const authorization = `Bearer ${keys.key}`;
    expect(await SocketClient.refused(socketUrl, { authorization }, [])).toBe(400);
    expect(await SocketClient.refused(socketUrl, { authorization }, ["sluice.v2"])).toBe(400);
    expect(await SocketClient.refused(socketUrl, {}, [SOCKET_PROTOCOL])).toBe(401);
    const wrong = { authorization: "Bearer slc_wrong" };
    expect([401, 403]).toContain(await SocketClient.refused(socketUrl, wrong, [SOCKET_PROTOCOL]));
  });
});
