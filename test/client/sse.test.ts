import { describe, expect, test } from "vitest";
import { type ChannelName, SluiceClient } from "../../client/index.ts";
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
const reader = (url: string, channel: ChannelName | "auto" = "sse") =>
  new SluiceClient({ url, channel, retry: HASTY }).job(JOB_ID);
const streamsOf = (asked: readonly string[]) =>
  asked.filter((line) => line.includes("/events") && !line.includes("limit="));
const OK = { "content-type": "text/event-stream" };

test("the real server's stream has the same events as polling, and its text", async () => {
  await using served = await serve();
  const client = new SluiceClient({ url: served.url });
  const job = await client.submit("streams", { text: "one two three" });
  const streamed = await all(job.events({ channel: "sse" }));
  expect(streamed).toEqual(await all(job.events({ channel: "poll" })));
  expect(streamed.at(-1)?.type).toBe("job.completed");
  const chunks = await all(job.text({ channel: "sse" }));
  expect(chunks.map(({ text }) => text).join("")).toBe("one two three ");
  expect(await all(job.events({ channel: "sse", after: streamed.length }))).toEqual([]);
});

describe("a stream", () => {
  test("that is cut after any byte, doubled and begun too early gives each event once", async () => {
    await withSeed(async (random) => {
      await using side = await httpSide((request, response) => {
        const after = afterOf(request);
        if (after >= log.length) return void response.writeHead(204).end();
        const early = Math.max(0, after - Math.floor(random() * 4));
        const text = log.slice(early).map((event) => frameOf(event).repeat(random() < 0.2 ? 2 : 1));
        const bytes = Buffer.from(`retry: 2000\n\n:\n\n${text.join("")}`);
        response.writeHead(200, OK);
        response.write(bytes.subarray(0, Math.floor(random() * 3_000)), () => response.destroy());
      });
      expect(await seqsOf(reader(side.url).events())).toEqual(upTo(40));
      expect(side.asked.length).toBeGreaterThan(1);
    });
  });

  test("that comes byte by byte is read as one that comes at once", async () => {
    const bytes = Buffer.from(log.slice(-2).map(frameOf).join(""));
    const body = ReadableStream.from([...bytes].map((byte) => Uint8Array.of(byte)));
    const client = new SluiceClient({
      url: "http://127.0.0.1",
      channel: "sse",
      fetch: async () => new Response(body, { headers: OK }),
    });
    expect(await all(client.job(JOB_ID).events({ after: 38 }))).toEqual(log.slice(-2));
  });

  test("that skips an event is read again from before it", async () => {
    let connections = 0;
    await using side = await httpSide((request, response) => {
      const events = log.slice(afterOf(request));
      response.writeHead(200, OK).end((++connections === 1 ? events.toSpliced(3, 1) : events).map(frameOf).join(""));
    });
    expect(await seqsOf(reader(side.url).events())).toEqual(upTo(40));
    expect(side.asked.at(-1)).toContain("after=3");
  });

  test("that falls silent without ending is left and closed, also in the middle of an event", async () => {
    let connections = 0;
    const closed = Promise.withResolvers<void>();
    await using side = await httpSide((request, response) => {
      response.on("close", () => closed.resolve());
      const text = log.slice(afterOf(request)).map(frameOf).join("");
      response.writeHead(200, OK);
      response.write(++connections === 1 ? text.slice(0, 500) : text);
    });
    expect(await seqsOf(reader(side.url).events())).toEqual(upTo(40));
    expect(connections).toBe(2);
    await closed.promise;
  });

  test("whose answer never begins is left", async () => {
    let connections = 0;
    await using side = await httpSide((_, response) => {
      if (++connections > 1) response.writeHead(200, OK).end(log.map(frameOf).join(""));
    });
    expect(await seqsOf(reader(side.url).events())).toEqual(upTo(40));
  });

  test("with nothing but heartbeats is no silence", async () => {
    let connections = 0;
    await using side = await httpSide((_, response) => {
      connections++;
      response.writeHead(200, OK).write(":\n\n");
      let beats = 0;
      const timer = setInterval(() => {
        response.write(":\n\n");
        if (++beats < 8) return;
        clearInterval(timer);
        response.end(log.map(frameOf).join(""));
      }, 100);
    });
    expect(await seqsOf(reader(side.url).events())).toEqual(upTo(40));
    expect(connections).toBe(1);
  });

  test("that ends after the terminal event is not asked for again", async () => {
    await using side = await httpSide((_, response) => {
      response.writeHead(200, OK).end(log.map(frameOf).join(""));
    });
    await seqsOf(reader(side.url).events());
    expect(side.asked).toHaveLength(1);
  });

  test("is tried again, however long its reader was busy before it broke", async () => {
    let connections = 0;
    await using side = await httpSide((request, response) => {
      if (++connections === 2) return void response.destroy();
      const after = afterOf(request);
      response.writeHead(200, OK).end(
        log
          .slice(after, connections === 1 ? 3 : undefined)
          .map(frameOf)
          .join(""),
      );
    });
    const retry = { ...HASTY, giveUpMs: 50 };
    const seqs: number[] = [];
    for await (const { seq } of new SluiceClient({ url: side.url, channel: "sse", retry }).job(JOB_ID).events()) {
      seqs.push(seq);
      if (seq === 3) await new Promise((resolve) => setTimeout(resolve, 2 * retry.giveUpMs));
    }
    expect(seqs).toEqual(upTo(40));
    expect(connections).toBe(3);
  });

  test("is closed when its reader stops reading", async () => {
    const closed = Promise.withResolvers<void>();
    await using side = await httpSide((_, response) => {
      response.writeHead(200, OK).write(log.slice(0, 5).map(frameOf).join(""));
      response.on("close", () => closed.resolve());
    });
    for await (const { seq } of reader(side.url).events()) if (seq === 2) break;
    await closed.promise;
  });
});

describe("a reader that may choose", () => {
  test("polls where the server does not stream", async () => {
    await using side = await httpSide((request, response) => page(response, log, afterOf(request)));
    expect(await seqsOf(reader(side.url, "auto").events())).toEqual(upTo(40));
    expect(streamsOf(side.asked)).toHaveLength(1);
  });

  test("polls at once where there is no place for one more stream, and later streams again", async () => {
    let isFull = true;
    await using side = await httpSide((request, response) => {
      const after = afterOf(request);
      if (wantsStream(request)) {
        if (isFull) return json(response, 503, problem(503, "Full"), { "retry-after": "10" });
        return void response.writeHead(200, OK).end(log.slice(after).map(frameOf).join(""));
      }
      isFull = side.asked.length < 30;
      json(response, 200, { events: log.slice(after, after + 1), next: after + 1, ended: false });
    });
    const client = new SluiceClient({ url: side.url, retry: { ...HASTY, climbMs: 100 } });
    expect(await seqsOf(client.job(JOB_ID).events())).toEqual(upTo(40));
    expect(streamsOf(side.asked).length).toBeGreaterThan(1);
  });

  test("keeps its cursor when a stream breaks for good", async () => {
    await using side = await httpSide((request, response) => {
      const after = afterOf(request);
      if (!wantsStream(request)) return page(response, log, after);
      if (after > 0) return void response.destroy();
      response.writeHead(200, OK).write(log.slice(0, 7).map(frameOf).join(""), () => response.destroy());
    });
    expect(await seqsOf(reader(side.url, "auto").events())).toEqual(upTo(40));
    expect(side.asked.at(-1)).toMatch(/after=[1-7]&limit=/);
  });

  test("is told of a refusal that no channel would change", async () => {
    await using side = await httpSide((_, response) => json(response, 401, problem(401, "Unauthorized")));
    await expect(seqsOf(reader(side.url, "auto").events())).rejects.toMatchObject({ status: 401 });
    expect(side.asked).toHaveLength(1);
  });
});

test("a ticket goes in the place of a key, a new one for each connection", async () => {
  let tickets = 0;
  await using side = await httpSide((request, response) => {
    response.writeHead(200, OK);
    response.end(frameOf(log[afterOf(request)] as (typeof log)[number]));
  });
  const ticket = async (jobId: string) => `${jobId}-${++tickets}`;
  const client = new SluiceClient({ url: side.url, channel: "sse", ticket, retry: HASTY });
  expect(await seqsOf(client.job(JOB_ID).events({ after: 38 }))).toEqual([39, 40]);
  expect(side.asked.map((line) => line.split("ticket=")[1])).toEqual([`${JOB_ID}-1`, `${JOB_ID}-2`]);
});

test("a ticket that expires while polling is replaced by a new one, once", async () => {
  let tickets = 0;
  await using side = await httpSide((request, response) => {
    const ticket = new URL(request.url ?? "", "http://x").searchParams.get("ticket");
    const after = afterOf(request);
    if ((ticket === "t1" || ticket === "used up") && after > 0)
      return json(response, 401, problem(401, "Unauthorized"));
    json(response, 200, { events: log.slice(after, after + 20), next: after + 20, ended: after + 20 === log.length });
  });
  const options = { url: side.url, channel: "poll" as const, retry: HASTY };
  const client = new SluiceClient({ ...options, ticket: async () => `t${++tickets}` });
  expect(await seqsOf(client.job(JOB_ID).events())).toEqual(upTo(40));
  expect(tickets).toBe(2);
  side.asked.length = 0;
  const usedUp = new SluiceClient({ ...options, ticket: async () => "used up" });
  await expect(seqsOf(usedUp.job(JOB_ID).events())).rejects.toMatchObject({ status: 401 });
  expect(side.asked).toHaveLength(3);
});
