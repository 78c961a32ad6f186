import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Keys } from "../../lambdas/authorizer/keys.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Problem } from "../../src/contract/problem.ts";
import type { TicketView } from "../../src/contract/tickets.ts";
import { systemClock } from "../../src/engines/shared/system-clock.ts";
import { type Embedded, startEmbedded } from "../../src/host/host.ts";
import app from "./faulty-app.ts";
import { Caller } from "./server.ts";

const logged: string[] = [];
const note = (message: string, data: object): void => void logged.push(`${message} ${JSON.stringify(data)}`);
const resources = {
  tools: app.tools,
  model: app.model,
  price: undefined,
  corpus: { search: () => [], read: () => undefined },
};
const PAGE = "https://app.example.org";
const keys = new Keys([{ tenant: "acme" as TenantId, sha256: createHash("sha256").update("slc_key").digest("hex") }]);
const AUTHORIZED = { authorization: "Bearer slc_key" };

/** The machine's time, and how much of it has been skipped. */
let skippedMs = 0;
const clock = { ...systemClock, now: () => Date.now() + skippedMs };

let embedded: Embedded;
let url: string;
let keyless: Embedded;
let keylessUrl: string;
let id: string;
let other: string;

beforeAll(async () => {
  const common = {
    app,
    resources,
    logger: { debug: note, info: note, warn: note, error: note },
    dataDir: undefined,
    clock,
  };
  embedded = startEmbedded({ ...common, keys, cors: { origins: [PAGE] } });
  url = await embedded.listen(0, "127.0.0.1");
  keyless = startEmbedded(common);
  keylessUrl = await keyless.listen(0, "127.0.0.1");
  const caller = new Caller(url, AUTHORIZED);
  id = (await caller.run("echoes", { text: "mine" })).id;
  other = (await caller.run("echoes", { text: "also mine" })).id;
});
afterAll(async () => {
  await Promise.all([embedded.close(), keyless.close()]);
  expect(logged.filter((line) => line.includes("slt1"))).toEqual([]);
});

async function ticketFor(jobId: string, at = url, headers: object = AUTHORIZED, ttlSeconds = 60): Promise<TicketView> {
  const response = await fetch(`${at}/v1/tickets`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ jobId, ttlSeconds }),
  });
  expect(response.status).toBe(201);
  return (await response.json()) as TicketView;
}

const events = (jobId: string, ticket: string, headers = {}, at = url): Promise<Response> =>
  fetch(`${at}/v1/jobs/${jobId}/events?ticket=${ticket}`, { headers });

async function refusal(response: Response): Promise<string> {
  expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  return ((await response.json()) as Problem).detail;
}

/** "open", or the problem that the handshake is refused with. */
async function handshake(ticket: string, headers: Record<string, string> = {}, at = url): Promise<"open" | Problem> {
  const socket = new WebSocket(`${at.replace("http", "ws")}/v1/socket?ticket=${ticket}`, "sluice.v1", { headers });
  socket.on("error", () => {});
  const refused = once(socket, "unexpected-response").then(async ([, response]) => {
    let body = "";
    for await (const chunk of response as IncomingMessage) body += chunk;
    return JSON.parse(body) as Problem;
  });
  const opened = once(socket, "open").then(() => {
    socket.close();
    return "open" as const;
  });
  return Promise.race([opened, refused]);
}

describe("each refusal of a ticket says what is wrong:", () => {
  test("it is for another job", async () => {
    const { ticket } = await ticketFor(id);
    expect(await refusal(await events(other, ticket))).toBe("the ticket is for another job");
  });

  test("it is not what was given out", async () => {
    const { ticket } = await ticketFor(id);
    for (const bad of [`${ticket}A`, ticket.slice(0, -1), "garbage", "slt1.e30.AAAA"]) {
      expect(await refusal(await events(id, bad))).toBe("the ticket is not one that this server gave out, as it is");
      expect(await handshake(bad)).toMatchObject({ status: 401 });
    }
    // What another server has signed is no better.
    const theirs = await ticketFor((await new Caller(keylessUrl).run("echoes", { text: "x" })).id, keylessUrl, {});
    expect(await refusal(await events(theirs.jobId, theirs.ticket))).toContain("not one that this server gave out");
  });

  test("it has expired, at which time and what to do", async () => {
    const { ticket, expiresAt } = await ticketFor(id);
    const response = await events(id, ticket);
    expect(response.status).toBe(200);
    await response.body?.cancel();
    skippedMs += 60_000;
    const expected = `the ticket expired at ${expiresAt}: get another by POST /v1/tickets`;
    expect(await refusal(await events(id, ticket))).toBe(expected);
    expect(await handshake(ticket)).toMatchObject({ status: 401, detail: expected });
  });

  test("it was used before", async () => {
    const { ticket } = await ticketFor(id);
    expect(await handshake(ticket)).toBe("open");
    expect(await handshake(ticket)).toMatchObject({ status: 401, detail: expect.stringContaining("was used before") });
    // Reading by HTTP does not use it up, nor is it refused for having been used.
    expect((await events(id, ticket)).status).toBe(200);
  });
});

test("of connections that are opened at once with one ticket, one is", async () => {
  const { ticket } = await ticketFor(id);
  const tries = await Promise.all(Array.from({ length: 10 }, () => handshake(ticket)));
  expect(tries.filter((answer) => answer === "open")).toHaveLength(1);
});

test("a page of an unknown origin opens nothing, and does not use the ticket up; one of a listed origin does", async () => {
  const { ticket } = await ticketFor(id);
  expect(await handshake(ticket, { origin: "https://evil.example" })).toMatchObject({ status: 403 });
  expect(await handshake(ticket, { origin: PAGE })).toBe("open");
});

test("whoever sends a key is judged by it", async () => {
  const { ticket } = await ticketFor(id);
  expect(await refusal(await events(id, ticket, { authorization: "Bearer slc_wrong" }))).toContain(
    "a valid key is needed",
  );
  expect((await events(other, ticket, AUTHORIZED)).status).toBe(200);
  expect(await handshake(ticket, { authorization: "Bearer slc_wrong" })).toMatchObject({ status: 401 });
});

test("without keys a ticket counts for more than what a header says, and a bad one opens nothing", async () => {
  const caller = new Caller(keylessUrl, { "x-tenant-id": "globex" });
  const { id: jobId } = await caller.run("echoes", { text: "theirs" });
  const { ticket } = await ticketFor(jobId, keylessUrl, { "x-tenant-id": "globex" });
  expect((await events(jobId, ticket, { "x-tenant-id": "acme" }, keylessUrl)).status).toBe(200);
  expect((await events(jobId, ticket, {}, keylessUrl)).status).toBe(200);
  expect((await events(jobId, `${ticket}A`, { "x-tenant-id": "globex" }, keylessUrl)).status).toBe(401);
  expect(await handshake(ticket, {}, keylessUrl)).toBe("open");
});

test("the links of a ticket lead to where it lets in", async () => {
  const { ticket, links } = await ticketFor(id);
  expect(links).toEqual({ events: `/v1/jobs/${id}/events?ticket=${ticket}`, socket: `/v1/socket?ticket=${ticket}` });
});
