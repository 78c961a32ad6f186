import { getEventListeners } from "node:events";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { ConnectionError, OptionError, SluiceClient } from "../../client/index.ts";
import { all, HASTY, httpSide, JOB_ID, json, problem } from "./follower.ts";

const accepted = { id: JOB_ID, status: "running", seq: 1 };
const clientOf = (url: string) => new SluiceClient({ url, key: "k", retry: HASTY });

describe("a submission", () => {
  test("whose answer is lost is sent again with its idempotency key", async () => {
    const keys: unknown[] = [];
    await using side = await httpSide((request, response) => {
      keys.push(request.headers["idempotency-key"]);
      expect(request.headers.authorization).toBe("Bearer k");
      if (keys.length === 1) return void response.destroy();
      if (keys.length === 2)
        return void response.writeHead(202, { "content-length": 100 }).write("{", () => response.destroy());
      if (keys.length === 3) return; // says nothing
      json(response, 202, accepted);
    });
    const job = await clientOf(side.url).submit("echoes", { text: "x" });
    expect(job.id).toBe(JOB_ID);
    expect(keys).toHaveLength(4);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  test("that is refused for a while is sent again, at most five times", async () => {
    await using side = await httpSide((_, response) => json(response, 503, problem(503, "Busy")));
    await expect(clientOf(side.url).submit("echoes", {})).rejects.toMatchObject({ status: 503 });
    expect(side.asked).toHaveLength(5);
  });

  test("is told how long to wait where that is long", async () => {
    await using side = await httpSide((_, response) =>
      json(response, 429, problem(429, "Too many"), { "retry-after": "3600" }),
    );
    await expect(clientOf(side.url).submit("echoes", {})).rejects.toMatchObject({ retryAfterMs: 3_600_000 });
    expect(side.asked).toHaveLength(1);
  });
});

test("a fork whose answer is lost is sent again with its idempotency key", async () => {
  const keys: unknown[] = [];
  await using side = await httpSide((request, response) => {
    keys.push(request.headers["idempotency-key"]);
    if (keys.length === 1) response.destroy();
    else json(response, 202, accepted);
  });
  await clientOf(side.url).job(JOB_ID).fork();
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(keys[1]).toBe(keys[0]);
});

test("a signal that lives long is left as it was", async () => {
  const { signal } = new AbortController();
  await using side = await httpSide((_, response) => json(response, 200, { events: [], next: 7, ended: true }));
  const client = clientOf(side.url);
  await client.get(JOB_ID, { signal });
  await all(client.job(JOB_ID).events({ channel: "poll", after: 7, signal }));
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("a redrive is sent again only where it says which dead letters it means", async () => {
  await using side = await httpSide((_, response) => void response.destroy());
  const job = clientOf(side.url).job(JOB_ID);
  await expect(job.redrive({ stepId: "draft" })).rejects.toThrow(ConnectionError);
  expect(side.asked).toHaveLength(1);
  await expect(job.redrive({ asOf: 7 })).rejects.toThrow(ConnectionError);
  expect(side.asked).toHaveLength(6);
});

test("a server that is not there is named", async () => {
  const side = await httpSide(() => {});
  await side[Symbol.asyncDispose]();
  await expect(clientOf(side.url).get(JOB_ID)).rejects.toThrow(
    /127\.0\.0\.1:\d+\/v1\/jobs\/job_a+ does not answer: .*REFUSED/,
  );
});

test("a page that is none of Sluice's is no answer, and a gateway's refusal is quoted", async () => {
  await using side = await httpSide((request, response) => {
    if (request.url?.includes("dead")) return json(response, 403, { message: "Forbidden" });
    response.writeHead(200, { "content-type": "text/html" }).end("<html>");
  });
  await expect(clientOf(side.url).get(JOB_ID)).rejects.toThrow(/text\/html/);
  expect(side.asked).toHaveLength(1);
  await expect(all(clientOf(side.url).deadLetters())).rejects.toThrow("403 Refused: Forbidden");
});

describe("what can never be sent is refused at once, and no secret is quoted", () => {
  const url = "http://127.0.0.1:9";
  test.each([
    ["key", { url, key: "top-secret\nkey" }],
    ["key", { url, key: "top-secret\u2026" }],
    ["tenant", { url, tenant: "top-secret\u2026" }],
    ["url", { url: "http://user:top-secret@127.0.0.1:9" }],
    ["url", { url: "http://top-secret@:x" }],
    ["url", { url: "ftp://user:top-secret@127.0.0.1" }],
  ])("%s: %j", (name, options) => {
    let error: unknown;
    try {
      new SluiceClient(options);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(OptionError);
    expect(error).toMatchObject({ message: expect.stringContaining(name) });
    expect(inspect(error)).not.toContain("top-secret");
  });

  test("an idempotency key", async () => {
    await using side = await httpSide((_, response) => json(response, 202, accepted));
    const submitted = clientOf(side.url).submit("echoes", {}, { idempotencyKey: "a\nb" });
    await expect(submitted).rejects.toThrow(OptionError);
    expect(side.asked).toEqual([]);
  });
});

test("the error of a server that is not there does not have the ticket", async () => {
  const page = new SluiceClient({
    url: "http://127.0.0.1:9",
    channel: "poll",
    ticket: async () => "top-secret",
    retry: { ...HASTY, reachMs: 0 },
  });
  const error = await all(page.job(JOB_ID).events()).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ConnectionError);
  expect((error as Error).message).not.toContain("top-secret");
});

test("a URL with a path keeps it", async () => {
  await using side = await httpSide((_, response) => json(response, 200, accepted));
  await clientOf(`${side.url}/prod`).get(JOB_ID);
  expect(side.asked).toEqual([`GET /prod/v1/jobs/${JOB_ID}`]);
});
