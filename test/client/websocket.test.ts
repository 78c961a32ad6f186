import { spawn } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { describe, expect, test, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { type ClientOptions, type JobEvent, SluiceClient } from "../../client/index.ts";
import { withSeed } from "../../src/testing/random.ts";
import { serve } from "./embedded.ts";
import {
  afterOf,
  all,
  frameOf,
  HASTY,
  httpSide,
  JOB_ID,
  json,
  logOf,
  page,
  problem,
  seqsOf,
  upTo,
  wantsStream,
} from "./follower.ts";

const log = logOf(40);

interface Subscribe {
  readonly type: string;
  readonly id: string;
  readonly after: number;
}

/** What a test's server does with a connection's frames, which are `subscribe` and `ping`. */
type Behaviour = (socket: WebSocket, frame: Subscribe, connection: number) => void;

/** A server with tickets, polling, streams and a socket, of which the socket is the test's. */
async function socketSide(behave: Behaviour, refuse: (request: IncomingMessage) => boolean = () => false) {
  let tickets = 0;
  let connections = 0;
  const side = await httpSide((request, response) => {
    if (request.url === "/v1/tickets") {
      const ticket = `t${++tickets}`;
      return json(response, 201, { ticket, jobId: JOB_ID, links: { socket: "/v1/socket", events: "" } });
    }
    if (!wantsStream(request)) return page(response, log, afterOf(request));
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(log.slice(afterOf(request)).map(frameOf).join(""));
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "sluice.v1" });
  side.server.on("upgrade", (request, socket, head) => {
    side.asked.push(`UPGRADE ${request.url}`);
    if (refuse(request)) return void socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
    sockets.handleUpgrade(request, socket, head, (upgraded) => {
      const connection = ++connections;
      upgraded.on("message", (data) => behave(upgraded, JSON.parse(String(data)) as Subscribe, connection));
    });
  });
  return {
    url: side.url,
    asked: side.asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      await side[Symbol.asyncDispose]();
    },
  };
}

const say = (socket: WebSocket, frame: object): void => socket.send(JSON.stringify(frame));
const tell = (socket: WebSocket, events: readonly JobEvent[]): void => {
  for (const event of events) say(socket, { type: "event", id: "job", event });
};

/** As docs/protocol.md has it. */
const proper: Behaviour = (socket, { type, id, after }) => {
  if (type === "ping") return say(socket, { type: "pong" });
  say(socket, { type: "subscribed", id, jobId: JOB_ID });
  tell(socket, log.slice(after));
  say(socket, { type: "complete", id, jobId: JOB_ID, seq: log.length });
};

/** Tells some, and then neither reads nor says anything more, a closing frame included. */
const frozen: Behaviour = (socket) => {
  tell(socket, log.slice(0, 5));
  socket.pause();
};

const reader = (url: string, options: Partial<ClientOptions> = {}) =>
  new SluiceClient({ url, channel: "websocket", retry: HASTY, ...options }).job(JOB_ID);

describe("the real server's WebSocket", () => {
  test("has the same events as its stream and as polling, and the same text", async () => {
    await using served = await serve();
    const job = await new SluiceClient({ url: served.url }).submit("streams", { text: "one two three" });
    const live = await all(job.events({ channel: "websocket" }));
    expect(live).toEqual(await all(job.events({ channel: "poll" })));
    expect(live).toEqual(await all(job.events({ channel: "sse" })));
    expect(live.at(-1)?.type).toBe("job.completed");
    const chunks = await all(job.text({ channel: "websocket" }));
    expect(chunks.map(({ text }) => text).join("")).toBe("one two three ");
    expect(await all(job.events({ channel: "websocket", after: live.length }))).toEqual([]);
  });

  test("lets a page in by a ticket that its own server has got for it", async () => {
    await using served = await serve();
    const own = await new SluiceClient({ url: served.url, tenant: "acme" }).submit("echoes", { text: "x" });
    const page = new SluiceClient({ url: served.url, ticket: () => own.ticket() }).job(own.id);
    const events = await all(page.events({ channel: "websocket" }));
    expect(events.at(-1)?.type).toBe("job.completed");
    expect(await all(page.events({ channel: "sse" }))).toEqual(events);
    expect(await all(page.events({ channel: "poll" }))).toEqual(events);
  });

  test("refuses a cursor past the log's end, and a job that is not there", async () => {
    await using served = await serve();
    const client = new SluiceClient({ url: served.url, channel: "websocket" });
    const job = await client.submit("echoes", { text: "x" });
    await job.result();
    await expect(all(job.events({ after: 1_000 }))).rejects.toMatchObject({ status: 400 });
    await expect(all(client.job(JOB_ID).events())).rejects.toThrow();
  });
});

describe("a WebSocket", () => {
  test("is opened with a ticket and brings each event once", async () => {
    await using side = await socketSide(proper);
    expect(await all(reader(side.url).events())).toEqual(log);
    expect(side.asked).toEqual(["POST /v1/tickets", "UPGRADE /v1/socket?ticket=t1"]);
    expect(await seqsOf(reader(side.url).events({ after: 40 }))).toEqual([]);
  });

  test("that is cut after any event, doubled and begun too early gives each event once, with a new ticket each time", async () => {
    await withSeed(async (random) => {
      await using side = await socketSide((socket, frame) => {
        const early = Math.max(0, frame.after - Math.floor(random() * 4));
        const until = frame.after + 1 + Math.floor(random() * 12);
        for (const event of log.slice(early, until)) tell(socket, random() < 0.2 ? [event, event] : [event]);
        if (random() < 0.5) socket.terminate();
        else socket.close(1001);
      });
      expect(await seqsOf(reader(side.url).events())).toEqual(upTo(40));
      const upgrades = side.asked.filter((line) => line.startsWith("UPGRADE"));
      expect(new Set(upgrades).size).toBe(upgrades.length);
    });
  });

  test("whose frames come in another order, or are lost, is left for one from the cursor", async () => {
    await using side = await socketSide((socket, frame, connection) => {
      if (connection > 2) return proper(socket, frame, connection);
      const events = log.slice(frame.after);
      tell(socket, connection === 1 ? events.toReversed() : events.toSpliced(5, 1));
    });
    expect(await seqsOf(reader(side.url).events())).toEqual(upTo(40));
  });

  test("that is half-open is left", async () => {
    await using side = await socketSide((socket, frame, connection) => {
      if (connection > 1) return proper(socket, frame, connection);
      if (frame.type === "subscribe") tell(socket, log.slice(0, 5));
    });
    expect(await seqsOf(reader(side.url).events())).toEqual(upTo(40));
    expect(side.asked.filter((line) => line.startsWith("UPGRADE"))).toHaveLength(2);
  });

  test("on which nothing comes but pongs subscribes again from its cursor", async () => {
    const subscriptions: number[] = [];
    await using side = await socketSide((socket, frame, connection) => {
      if (frame.type === "ping") return say(socket, { type: "pong" });
      subscriptions.push(frame.after);
      if (subscriptions.length > 1) return proper(socket, frame, connection);
      tell(socket, log.slice(0, 5));
    });
    expect(await seqsOf(reader(side.url).events())).toEqual(upTo(40));
    expect(subscriptions).toEqual([0, 5]);
    expect(side.asked.filter((line) => line.startsWith("UPGRADE"))).toHaveLength(1);
  });

  test("on which nothing comes but pongs is no silence", async () => {
    let pings = 0;
    await using side = await socketSide((socket, frame, connection) => {
      if (frame.type !== "ping") return;
      if (++pings < 8) return say(socket, { type: "pong" });
      proper(socket, { ...frame, type: "subscribe", after: 0 }, connection);
    });
    const retry = { ...HASTY, resubscribeMs: 60_000 };
    expect(await seqsOf(reader(side.url, { retry }).events())).toEqual(upTo(40));
    expect(side.asked.filter((line) => line.startsWith("UPGRADE"))).toHaveLength(1);
  });

  test("that says the log has ended before all of it came is left for another", async () => {
    await using side = await socketSide((socket, frame, connection) => {
      if (connection > 1) return proper(socket, frame, connection);
      tell(socket, log.slice(0, 5));
      say(socket, { type: "complete", id: "job", jobId: JOB_ID, seq: 40 });
    });
    expect(await seqsOf(reader(side.url).events())).toEqual(upTo(40));
  });

  test("brings events whole that do not fit into its frames", async () => {
    await using side = await socketSide((socket, { id }) => {
      const { value: _, ...large } = log[0] as JobEvent & { value?: unknown };
      say(socket, { type: "event", id, event: large, ref: `/v1/jobs/${JOB_ID}/events?after=0&limit=1` });
      tell(socket, log.slice(1));
    });
    expect(await all(reader(side.url).events())).toEqual(log);
  });

  test("brings text that runs ahead of the log", async () => {
    await using side = await socketSide((socket, { id }) => {
      const delta = { type: "delta", id, jobId: JOB_ID, stepId: "draft", attempt: 1, offset: 0, text: "Hello" };
      say(socket, delta);
      tell(socket, log);
    });
    const [chunk] = await all(reader(side.url).text());
    expect(chunk).toEqual({ stepId: "draft", attempt: 1, offset: 0, text: "Hello", anew: true });
  });

  test("refused by the protocol's error tells the reader", async () => {
    await using side = await socketSide((socket, { id }) =>
      say(socket, { type: "error", id, problem: problem(404, "Not found") }),
    );
    await expect(seqsOf(reader(side.url).events())).rejects.toMatchObject({ status: 404 });
  });

  test("that brings more than a slow reader takes is closed, and resumed", async () => {
    const long = logOf(5_000);
    await using side = await socketSide((socket, { after }) => tell(socket, long.slice(after)));
    let seen = 0;
    for await (const { seq } of reader(side.url).events()) {
      expect(seq).toBe(++seen);
      if (seen % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(seen).toBe(5_000);
    expect(side.asked.filter((line) => line.startsWith("UPGRADE")).length).toBeGreaterThan(1);
  });

  test("is closed when its reader stops reading", async () => {
    const closed = Promise.withResolvers<number>();
    await using side = await socketSide((socket) => {
      socket.on("close", (code) => closed.resolve(code));
      tell(socket, log.slice(0, 5));
    });
    for await (const { seq } of reader(side.url).events()) if (seq === 2) break;
    expect(await closed.promise).toBe(1000);
  });

  test("whose server is frozen is cut when its reader stops reading, where it can be", {
    timeout: 20_000,
  }, async () => {
    const cut = Promise.withResolvers<void>();
    class Observed extends WebSocket {
      override terminate(): void {
        cut.resolve();
        super.terminate();
      }
    }
    await using side = await socketSide(frozen);
    for await (const { seq } of reader(side.url, { WebSocket: Observed }).events()) if (seq === 2) break;
    await cut.promise;
  });

  test("whose server is frozen does not keep the command line from ending", { timeout: 60_000 }, async () => {
    await using side = await socketSide(frozen);
    const args = ["client/bin/sluice.js", "events", JOB_ID, "--follow", "--jsonl"];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, SLUICE_URL: side.url },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const exit = once(child, "exit");
    try {
      await new Promise<void>((resolve) => {
        child.stdout.on("data", (chunk) => String(chunk).includes('"seq":5') && resolve());
      });
      child.kill("SIGINT");
      expect(await exit).toEqual([130, null]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe("a reader that may choose", () => {
  test("takes a stream where no WebSocket is let in, or there is none", async () => {
    await using refusing = await socketSide(proper, () => true);
    expect(await seqsOf(reader(refusing.url, { channel: "auto" }).events())).toEqual(upTo(40));
    expect(refusing.asked.at(-1)).toBe(`GET /v1/jobs/${JOB_ID}/events`);
    await using side = await socketSide(proper);
    vi.stubGlobal("WebSocket", undefined);
    try {
      expect(await seqsOf(reader(side.url, { channel: "auto" }).events())).toEqual(upTo(40));
    } finally {
      vi.unstubAllGlobals();
    }
    const without = class {
      constructor() {
        throw new Error("blocked");
      }
    } as unknown as NonNullable<ClientOptions["WebSocket"]>;
    expect(await seqsOf(reader(side.url, { channel: "auto", WebSocket: without }).events())).toEqual(upTo(40));
  });

  test("keeps its cursor from a broken WebSocket to a stream", async () => {
    await using side = await socketSide((socket, { after }) => {
      tell(socket, log.slice(after, 7));
      socket.terminate();
    });
    expect(await seqsOf(reader(side.url, { channel: "auto" }).events())).toEqual(upTo(40));
    expect(side.asked.at(-1)).toMatch(/after=7$/);
  });
});
