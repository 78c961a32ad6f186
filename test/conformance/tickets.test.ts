import { once } from "node:events";
import { createParser } from "eventsource-parser";
import { describe, expect } from "vitest";
import { WebSocket } from "ws";
import { EventPage } from "../../src/contract/api.ts";
import { SOCKET_PROTOCOL } from "../../src/contract/socket.ts";
import { TicketView } from "../../src/contract/tickets.ts";
import { type Caller, pathsOf, problemOf } from "./caller.ts";
import { test } from "./suite.ts";

const ask = (api: Caller, body: object): Promise<Response> => api.send("v1/tickets", body);

async function ticketFor(api: Caller, jobId: string, ttlSeconds?: number): Promise<TicketView> {
  const response = await ask(api, { jobId, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) });
  expect(response.status).toBe(201);
  expect(response.headers.get("cache-control")).toBe("no-store");
  return TicketView.parse(await response.json());
}

const eventsOf = (jobId: string, ticket: string): string => `v1/jobs/${jobId}/events?ticket=${ticket}`;

/** What becomes of a handshake: "open", or the status of its refusal. */
async function handshake(api: Caller, { links, ticket }: TicketView, headers = {}): Promise<WebSocket | number> {
  const address = new URL(links.socket ?? "v1/socket", api.url);
  address.protocol = address.protocol.replace("http", "ws");
  address.searchParams.set("ticket", ticket);
  const socket = new WebSocket(address, SOCKET_PROTOCOL, { headers });
  const refused = once(socket, "unexpected-response").then(([, response]) => {
    response.resume();
    return response.statusCode as number;
  });
  socket.on("error", () => {});
  return Promise.race([once(socket, "open").then(() => socket), refused]);
}

describe("a ticket", () => {
  test("reads its job's events without a key, as often as it is sent, by the link that came with it", async ({
    api,
    nobody,
  }) => {
    const { id } = await api.run("echo", { text: "ticket" });
    const { links, ...ticket } = await ticketFor(api, id);
    expect(ticket.jobId).toBe(id);
    expect(Date.parse(ticket.expiresAt)).toBeGreaterThan(Date.now() + 200_000);
    for (let n = 0; n < 2; n++) {
      const response = await nobody.get(new URL(links.events, api.url).href);
      expect(response.status).toBe(200);
      expect(EventPage.parse(await response.json()).events).toEqual(await api.events(id));
    }
  });

  test("reads them as server-sent events, from any cursor", async ({ api, nobody }) => {
    const { id } = await api.run("echo", { text: "ticket" });
    const { ticket } = await ticketFor(api, id);
    const response = await nobody.get(eventsOf(id, ticket), { accept: "text/event-stream", "last-event-id": "2" });
    const ids: string[] = [];
    createParser({ onEvent: (event) => ids.push(event.id ?? "") }).feed(await response.text());
    expect(ids).toEqual((await api.events(id)).slice(2).map(({ seq }) => String(seq)));
    const end = await nobody.get(eventsOf(id, ticket), {
      accept: "text/event-stream",
      "last-event-id": ids.at(-1) ?? "",
    });
    expect(end.status).toBe(204);
  });

  test("opens nothing but that", async ({ api, nobody }) => {
    const [{ id }, another] = [await api.run("echo", { text: "mine" }), await api.run("echo", { text: "also mine" })];
    const { ticket } = await ticketFor(api, id);
    for (const path of [eventsOf(another.id, ticket), `v1/jobs/${id}?ticket=${ticket}`, `v1/jobs?ticket=${ticket}`]) {
      expect((await problemOf(await nobody.get(path))).status, path).toBe(401);
    }
    const cancel = await nobody.send(`v1/jobs/${id}/cancel?ticket=${ticket}`, {});
    expect((await problemOf(cancel)).status).toBe(401);
    const another401 = await nobody.send(`v1/tickets?ticket=${ticket}`, { jobId: id });
    expect((await problemOf(another401)).status).toBe(401);
    expect(
      (await problemOf(await nobody.get(`v1/jobs/${id}/events`, { authorization: `Bearer ${ticket}` }))).status,
    ).toBe(401);
  });

  test("that is altered, cut or made up is a 401", async ({ api, nobody }) => {
    const { id } = await api.run("echo", { text: "mine" });
    const { ticket } = await ticketFor(api, id);
    const [version, payload, signature] = ticket.split(".");
    const forged = Buffer.from(JSON.stringify({ t: "conformance-two", j: id, x: 2e12, i: "a" })).toString("base64url");
    for (const bad of [
      ticket.slice(0, -1),
      `${ticket}A`,
      `${version}.${forged}.${signature}`,
      `${version}.${payload}.`,
      "garbage",
      "%00",
    ]) {
      expect((await problemOf(await nobody.get(eventsOf(id, bad)))).status, bad).toBe(401);
    }
  });

  test("is a 401 once it has expired", async ({ api, nobody }) => {
    const { id } = await api.run("echo", { text: "mine" });
    const { ticket } = await ticketFor(api, id, 10);
    const answer = await api.late(
      "the end of a ticket",
      () => nobody.get(eventsOf(id, ticket)),
      ({ status }) => status !== 200,
    );
    expect((await problemOf(answer)).status).toBe(401);
  });

  test("is for a job of one's own: of another's, or of none, it is the same 404", async ({ api, other }) => {
    const { id } = await api.submit("echo", { text: "mine" });
    for (const jobId of [id, `job_${"a".repeat(26)}`]) {
      const problem = await problemOf(await ask(other, { jobId }));
      expect(problem).toMatchObject({ status: 404, detail: `there is no job ${jobId}` });
    }
  });

  test.for([
    [{ ttlSeconds: 9 }, "/ttlSeconds"],
    [{ ttlSeconds: 3_601 }, "/ttlSeconds"],
    [{ ttlSeconds: 60.5 }, "/ttlSeconds"],
    [{ ttlSeconds: "60" }, "/ttlSeconds"],
    [{ jobId: "job_1" }, "/jobId"],
    [{ jobId: undefined }, "/jobId"],
  ] as const)("that is asked for with %j is a 400", async ([fields, path], { api }) => {
    const problem = await problemOf(await ask(api, { jobId: `job_${"a".repeat(26)}`, ...fields }));
    expect([problem.status, pathsOf(problem)]).toEqual([400, [path]]);
  });

  test("opens a WebSocket once, for its job alone", async ({ api }) => {
    const [{ id }, another] = [await api.run("echo", { text: "mine" }), await api.run("echo", { text: "also mine" })];
    const ticket = await ticketFor(api, id);
    const socket = await handshake(api, ticket);
    if (typeof socket === "number") throw new Error(`refused with ${socket}`);
    const messages: { type: string; id?: string; problem?: { status: number } }[] = [];
    socket.on("message", (data) => messages.push(JSON.parse(String(data))));
    for (const [name, jobId] of [
      ["theirs", another.id],
      ["own", id],
    ]) {
      socket.send(JSON.stringify({ type: "subscribe", id: name, jobId }));
    }
    await api.late(
      "the end of the subscription",
      async () => messages.some(({ type, id: of }) => type === "complete" && of === "own"),
      (complete) => complete,
    );
    expect(messages.filter(({ id: of }) => of === "theirs")).toMatchObject([
      { type: "error", problem: { status: 403 } },
    ]);
    expect(await handshake(api, ticket)).toBe(401);
    socket.close();
  });

  test("opens no WebSocket when it is altered, and none for a page of an unknown origin", async ({ api }) => {
    const { id } = await api.run("echo", { text: "mine" });
    const ticket = await ticketFor(api, id);
    expect(await handshake(api, { ...ticket, ticket: `${ticket.ticket}A` })).toBe(401);
    expect(await handshake(api, ticket, { origin: "https://evil.example" })).toBe(403);
  });
});
