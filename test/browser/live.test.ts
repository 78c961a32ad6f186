import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EventBody, type JobEvent } from "../../src/contract/events.ts";
import type { TicketView } from "../../src/contract/tickets.ts";
import { type Fault, type FaultProxy, startFaultProxy } from "../channels/fault-proxy.ts";
import { Caller, ServerProcess, type TemporaryFolder, temporaryFolder } from "../system/server.ts";
import { type PageServer, servePage, startChromium } from "./chromium.ts";

const APP = "test/browser/app.ts";
const AUTHORIZED = { authorization: "Bearer slc_key" };
const TYPES = EventBody.options.map((option) => option.shape.type.value);

let browser: Browser;
let pages: PageServer;
let strangers: PageServer;
beforeAll(async () => {
  browser = await startChromium();
  [pages, strangers] = await Promise.all([servePage(browser), servePage(browser)]);
});
afterAll(async () => {
  await Promise.all([pages.close(), strangers.close()]);
  await browser.close();
});

let folder: TemporaryFolder;
let server: ServerProcess;
let caller: Caller;
let page: Page;
let proxies: FaultProxy[];
const start = (port = "0"): Promise<ServerProcess> =>
  ServerProcess.start(
    ...["--app", APP, "--data", join(folder.path, "data"), "--port", port],
    ...["--keys", join(folder.path, "keys.json"), "--cors", pages.origin],
  );
beforeEach(async () => {
  folder = temporaryFolder();
  const sha256 = createHash("sha256").update("slc_key").digest("hex");
  writeFileSync(join(folder.path, "keys.json"), JSON.stringify({ keys: [{ tenant: "acme", sha256 }] }));
  server = await start();
  caller = new Caller(server.url, AUTHORIZED);
  page = await pages.open();
  proxies = [];
});
afterEach(async () => {
  await page.close();
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await server.stop("SIGTERM");
  folder[Symbol.dispose]();
});

/** The server behind a proxy that breaks each connection in its way. */
async function behind(next: () => Fault | undefined): Promise<string> {
  const proxy = await startFaultProxy(Number(new URL(server.url).port), next);
  proxies.push(proxy);
  return `http://127.0.0.1:${proxy.port}`;
}

const post = async (path: string, body: object): Promise<Response> =>
  fetch(server.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...AUTHORIZED },
    body: JSON.stringify(body),
  });
const ticketFor = async (jobId: string): Promise<TicketView> =>
  (await (await post("/v1/tickets", { jobId, ttlSeconds: 600 })).json()) as TicketView;

/** Lets the tour go on from its signal to its end, by way of a dead letter that is redriven and then given up. */
async function finish(id: string): Promise<void> {
  await post(`/v1/jobs/${id}/signals/go`, { payload: {} });
  await caller.settled(id);
  await post(`/v1/jobs/${id}/redrive`, {});
  await caller.settled(id);
  await post(`/v1/jobs/${id}/discard`, { reason: "in vain" });
  expect((await caller.settled(id)).status).toBe("completed");
}

const state = <T>(name: string): Promise<T> => page.evaluate((key) => (globalThis as never)[key], name);
/** Waits inside of the page. */
const until = (expression: string): Promise<unknown> =>
  page.waitForFunction(expression, undefined, { timeout: 60_000 });

/** An EventSource in the page, which writes down what it is told. */
const listen = (url: string): Promise<void> =>
  page.evaluate(
    ({ url, types }) => {
      const source = new EventSource(url);
      const kept = { events: [] as unknown[], opened: 0, errors: 0, closed: false };
      Object.assign(globalThis, { kept, source });
      source.onopen = () => {
        kept.opened += 1;
      };
      source.onerror = () => {
        kept.errors += 1;
        kept.closed = source.readyState === EventSource.CLOSED;
      };
      for (const type of types) {
        source.addEventListener(type, (message) => {
          kept.events.push({
            id: (message as MessageEvent).lastEventId,
            event: JSON.parse((message as MessageEvent).data),
          });
        });
      }
    },
    { url, types: TYPES },
  );
interface Kept {
  readonly events: { readonly id: string; readonly event: JobEvent }[];
  readonly opened: number;
  readonly closed: boolean;
}

describe("a page of a listed origin", () => {
  test("submits by fetch, and reads the answer's headers and body", async () => {
    const answer = await page.evaluate(
      async ({ url, headers }) => {
        const response = await fetch(`${url}/v1/jobs`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "idempotency-key": "once",
            prefer: "respond-async",
            ...headers,
          },
          body: JSON.stringify({ workflow: "tour", input: { text: "a b" } }),
        });
        const { id } = (await response.json()) as { id: string };
        return {
          status: response.status,
          id,
          location: response.headers.get("location"),
          retry: response.headers.get("retry-after"),
        };
      },
      { url: server.url, headers: AUTHORIZED },
    );
    expect(answer).toMatchObject({
      status: 202,
      location: `/v1/jobs/${answer.id}`,
      retry: expect.stringMatching(/^\d+$/),
    });
    await finish(answer.id);
  });

  test("reads a problem that it is refused with", async () => {
    const problem = await page.evaluate(async (url) => {
      const response = await fetch(`${url}/v1/jobs`);
      return (await response.json()) as { status: number; title: string };
    }, server.url);
    expect(problem).toMatchObject({ status: 401, title: "Unauthorized" });
  });
});

test("a page of another origin gets no answer, and submits nothing", async () => {
  const stranger = await strangers.open();
  const failed = await stranger.evaluate(
    async ({ url, headers }) => {
      const of = (init: RequestInit): Promise<string> =>
        fetch(`${url}/v1/jobs`, init).then(
          ({ status }) => String(status),
          (error: Error) => error.name,
        );
      const body = JSON.stringify({ workflow: "tour", input: { text: "a" } });
      return [
        await of({ headers }),
        await of({ method: "POST", body, headers: { "content-type": "application/json", ...headers } }),
      ];
    },
    { url: server.url, headers: AUTHORIZED },
  );
  expect(failed).toEqual(["TypeError", "TypeError"]);
  expect(await (await caller.get("/v1/jobs")).json()).toMatchObject({ jobs: [] });
  await stranger.close();
});

describe("EventSource with a ticket", () => {
  test("tells each event once, under its type, and stops when there is no more", async () => {
    const { id } = await caller.submit("tour", { text: "one two" });
    const { links } = await ticketFor(id);
    await listen(server.url + links.events);
    await until('globalThis.kept.events.some(({ event }) => event.type === "signal.requested")');
    await finish(id);
    await until("globalThis.kept.closed");
    const log = await caller.events(id);
    const { events } = await state<Kept>("kept");
    expect(events.map(({ event }) => event)).toEqual(log);
    expect(events.map(({ id: last }) => last)).toEqual(log.map(({ seq }) => String(seq)));
    expect(new Set(log.map(({ type }) => type)).size).toBeGreaterThanOrEqual(14);
  });

  test("goes on where it was cut off in the middle of events, however often", async () => {
    const { id } = await caller.submit("tour", { text: "one two three" });
    const { links } = await ticketFor(id);
    let connections = 0;
    const url = await behind(() => {
      connections += 1;
      return { kind: connections % 2 === 1 ? "cut" : "reset", atByte: 700 + 301 * connections };
    });
    await listen(url + links.events);
    await finish(id);
    await until("globalThis.kept.closed");
    const { events, opened } = await state<Kept>("kept");
    expect(events.map(({ event }) => event)).toEqual(await caller.events(id));
    expect(opened).toBeGreaterThan(1);
  });

  test("goes on after the server was killed and started again: the ticket is as good there", async () => {
    const { id } = await caller.submit("tour", { text: "one two" });
    const { links } = await ticketFor(id);
    await listen(server.url + links.events);
    await until('globalThis.kept.events.some(({ event }) => event.type === "signal.requested")');
    await server.stop("SIGKILL");
    server = await start(new URL(server.url).port);
    await finish(id);
    await until("globalThis.kept.closed");
    const { events } = await state<Kept>("kept");
    expect(events.map(({ event }) => event)).toEqual(await caller.events(id));
  });

  test("that is not valid is an error for good: it does not come back", async () => {
    const { id } = await caller.submit("tour", { text: "one" });
    const { links } = await ticketFor(id);
    await listen(`${server.url}${links.events}A`);
    await until("globalThis.kept.closed");
    expect(await state<Kept>("kept")).toMatchObject({ opened: 0, events: [] });
    await finish(id);
  });
});

describe("WebSocket with a ticket", () => {
  /** Opens one in the page, and resolves with its subprotocol, or "refused". */
  const connect = (of: Page, url: string): Promise<string> =>
    of.evaluate(
      (address) =>
        new Promise<string>((resolve) => {
          const socket = new WebSocket(address, "sluice.v1");
          const messages: unknown[] = [];
          Object.assign(globalThis, { socket, messages });
          socket.onopen = () => resolve(socket.protocol);
          socket.onerror = () => resolve("refused");
          socket.onmessage = ({ data }) => void messages.push(JSON.parse(data as string));
        }),
      url.replace("http", "ws"),
    );

  test("tells each event of its job once, and that it is complete", async () => {
    const { id } = await caller.submit("tour", { text: "one two" });
    const { links } = await ticketFor(id);
    expect(await connect(page, server.url + links.socket)).toBe("sluice.v1");
    await page.evaluate(
      (jobId) =>
        (globalThis as unknown as { socket: WebSocket }).socket.send(
          JSON.stringify({ type: "subscribe", id: "s", jobId }),
        ),
      id,
    );
    await finish(id);
    await until('globalThis.messages.some(({ type }) => type === "complete")');
    const messages = await state<{ type: string; event?: JobEvent }[]>("messages");
    const told = messages.flatMap(({ event }) => (event ? [event] : []));
    const log = await caller.events(id);
    expect([...new Map(told.map((event) => [event.seq, event])).values()]).toEqual(log);
  });

  test("is opened once by each ticket, and by no page of another origin", async () => {
    const { id } = await caller.submit("tour", { text: "one" });
    const { links } = await ticketFor(id);
    const stranger = await strangers.open();
    expect(await connect(stranger, server.url + links.socket)).toBe("refused");
    await stranger.close();
    expect(await connect(page, server.url + links.socket)).toBe("sluice.v1");
    expect(await connect(page, server.url + links.socket)).toBe("refused");
    await finish(id);
  });
});
