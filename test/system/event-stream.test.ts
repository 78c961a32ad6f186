import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { promisify } from "node:util";
import { EventSource } from "eventsource";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { describe, expect, test } from "vitest";
import type { JobEvent } from "../../src/contract/events.ts";
import type { Readers } from "../../src/core/runtime.ts";
import { type Fault, startFaultProxy } from "../channels/fault-proxy.ts";
import { running, startGated } from "./start-gated.ts";

async function begin(steps = 3, readers?: Readers) {
  const started = await startGated(steps, readers);
  const { id } = await started.caller.submit("chain", { text: "one two" });
  return { ...started, id, path: `${started.url}/v1/jobs/${id}/events` };
}

const STREAM = { accept: "text/event-stream" };

/** Until it is so: what a socket tells comes in its own time. */
async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setImmediate(resolve));
}

/** Everything that a stream sends, as the parser understands it. */
async function messagesOf(response: Response, onMessage: (message: EventSourceMessage) => void = () => {}) {
  const messages: EventSourceMessage[] = [];
  const comments: string[] = [];
  const retries: number[] = [];
  const parser = createParser({
    onEvent(message) {
      messages.push(message);
      onMessage(message);
    },
    onComment: (comment) => comments.push(comment),
    onRetry: (ms) => retries.push(ms),
  });
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) parser.feed(Buffer.from(chunk).toString());
  return { messages, comments, retries };
}

describe("server-sent events", () => {
  test("tell each event as a page does, as it comes, and end after the last", async () => {
    const { id, path, caller, open } = await begin();
    const response = await fetch(path, { headers: STREAM });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("vary")).toBe("accept");
    let first = true;
    const { messages, retries } = await messagesOf(response, () => {
      // The job goes on only once something of it was read: a stream that is gathered before it is sent would hang here.
      if (first) open();
      first = false;
    });
    const events = await caller.events(id);
    expect(messages).toEqual(
      events.map((event) => ({ id: String(event.seq), event: event.type, data: JSON.stringify(event) })),
    );
    expect(messages.at(-1)?.event).toBe("job.completed");
    expect(retries).toEqual([2_000]);
  });

  test("go on after Last-Event-ID, which wins over ?after=, from any cursor", async () => {
    const { id, path, caller, open } = await begin();
    open();
    await caller.settled(id);
    const events = await caller.events(id);
    for (let after = 0; after < events.length; after++) {
      const rest = events.slice(after).map(({ seq }) => String(seq));
      const byHeader = await fetch(`${path}?after=1`, { headers: { ...STREAM, "last-event-id": String(after) } });
      expect((await messagesOf(byHeader)).messages.map((message) => message.id)).toEqual(rest);
      const byQuery = await fetch(`${path}?after=${after}`, { headers: { ...STREAM, "last-event-id": "" } });
      expect((await messagesOf(byQuery)).messages.map((message) => message.id)).toEqual(rest);
    }
    const over = await fetch(path, { headers: { ...STREAM, "last-event-id": String(events.length) } });
    expect({ status: over.status, body: await over.text() }).toEqual({ status: 204, body: "" });
    expect(over.headers.get("content-length")).toBeNull();
  });

  test("are read by an EventSource whose connection is cut in the middle of events: each exactly once, until it is told to stop", async () => {
    const { id, path, url, caller, open } = await begin(6);
    // Sooner or later within the answer, headers included, then never again.
    const cuts: Fault[] = [320, 905, 1_300].map((atByte, n) => ({ kind: n % 2 ? "reset" : "cut", atByte }));
    const proxy = await startFaultProxy(Number(new URL(url).port), () => cuts.shift());
    running.push(() => proxy.close());
    const got: JobEvent[] = [];
    const source = new EventSource(path.replace(url, `http://127.0.0.1:${proxy.port}`));
    running.push(async () => source.close());
    const types = [
      "job.submitted",
      "step.requested",
      "step.started",
      "step.progress",
      "step.completed",
      "job.completed",
    ];
    for (const type of types) source.addEventListener(type, ({ data }) => void got.push(JSON.parse(data) as JobEvent));
    await until(() => got.length > 0);
    open();
    await until(() => source.readyState === EventSource.CLOSED);
    expect(got).toEqual(await caller.events(id));
    expect(proxy.happened).toEqual(["cut", "reset", "cut"]);
  });

  test.skipIf(!hasCurl())("are read by curl -N", async () => {
    const { path, open } = await begin();
    const curl = promisify(execFile)("curl", ["-sN", "-H", "accept: text/event-stream", path]);
    open();
    const { stdout } = await curl;
    expect(stdout).toMatch(/^retry: 2000\n\nid: 1\nevent: job\.submitted\ndata: \{/);
    expect(stdout).toMatch(/event: job\.completed\ndata: \{.*\}\n\n$/);
  });
});

describe("bad input", () => {
  test.each(["-1", "1.5", "abc", "1,2", "99999999999", "1000"])("Last-Event-ID %s is a 400", async (cursor) => {
    const { path } = await begin();
    const response = await fetch(path, { headers: { ...STREAM, "last-event-id": cursor } });
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
  });

  test.each(["after=-1", "after=1000", "unknown=1"])("?%s is a 400", async (query) => {
    const { path } = await begin();
    expect((await fetch(`${path}?${query}`, { headers: STREAM })).status).toBe(400);
  });

  test("another tenant's job and one that there is not are a 404", async () => {
    const { path, id } = await begin();
    const none = path.replace(id, `job_${"a".repeat(26)}`);
    expect((await fetch(none, { headers: STREAM })).status).toBe(404);
    expect((await fetch(path, { headers: { ...STREAM, "x-tenant-id": "other" } })).status).toBe(404);
  });
});

describe("places", () => {
  test("where as many streams are open as may be, one more is a 503, until one has ended", async () => {
    const { path, places, caller } = await begin(1, { streams: 2, waits: 0 });
    const ending = new AbortController();
    for (let n = 0; n < 2; n++) await fetch(path, { headers: STREAM, signal: ending.signal });
    const refused = await fetch(path, { headers: STREAM });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await caller.get(new URL(path).pathname)).status).toBe(200);
    ending.abort();
    await until(() => places() === 0);
    expect((await fetch(path, { headers: STREAM })).status).toBe(200);
  });

  test("with none at all, streams are off", async () => {
    const { path } = await begin(1, { streams: 0, waits: 0 });
    expect((await fetch(path, { headers: STREAM })).status).toBe(503);
  });

  test("whoever hangs up, in whatever way, leaves nothing behind", async () => {
    const { path, url, followers, places, warnings } = await begin();
    const { port, pathname } = new URL(path);
    for (const leave of ["end", "resetAndDestroy"] as const) {
      for (let n = 0; n < 20; n++) {
        const socket = connect(Number(port), "127.0.0.1");
        socket.write(`GET ${pathname} HTTP/1.1\r\nhost: ${new URL(url).host}\r\naccept: text/event-stream\r\n\r\n`);
        // Some leave before there is an answer.
        if (n % 2 === 0) await once(socket, "data");
        else await once(socket, "connect");
        if (leave === "end") socket.destroy();
        else socket.resetAndDestroy();
      }
    }
    await until(() => followers() === 0 && places() === 0);
    const stays = await fetch(path, { headers: STREAM });
    expect(stays.status).toBe(200);
    expect([followers(), places()]).toEqual([1, 1]);
    expect(warnings).toEqual([]);
  });

  test("a server that closes ends its streams in order, and waits for none", async () => {
    const { close, path, followers, places } = await begin();
    const response = await fetch(path, { headers: STREAM });
    const read = messagesOf(response);
    await until(() => places() === 1);
    await close();
    const { messages } = await read;
    expect(messages.length).toBeGreaterThan(0);
    expect([followers(), places()]).toEqual([0, 0]);
  });
});

function hasCurl(): boolean {
  try {
    execFileSync("curl", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
