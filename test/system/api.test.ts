import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { JobView } from "../../src/contract/api.ts";
import type { Problem } from "../../src/contract/problem.ts";
import type { DeadLetter } from "../../src/core/ports.ts";
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

let embedded: Embedded;
let url: string;
let caller: Caller;

beforeAll(async () => {
  const logger = { debug: note, info: note, warn: note, error: note };
  embedded = startEmbedded({ app, resources, logger, dataDir: undefined });
  url = await embedded.listen(0, "127.0.0.1");
  caller = new Caller(url);
});
afterAll(async () => {
  // Whatever the tests did, the server still works.
  expect(await caller.run("echoes", { text: "still up" })).toMatchObject({ status: "completed" });
  await embedded.close();
});

/** What a queue has set aside of a job. The log says so first: its message follows. */
async function deadLetterOf(jobId: string, queue: string): Promise<DeadLetter> {
  return vi.waitUntil(
    async () => {
      const letters = await embedded.runtime.queue.deadLetters(queue, 100);
      return letters.find(({ message }) => message.detail.jobId === jobId);
    },
    { timeout: 60_000 },
  );
}

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = (await response.json()) as Problem;
  expect(problem.status).toBe(response.status);
  expect(problem.requestId).toBeTruthy();
  return problem;
}

const pathsOf = (problem: Problem): string[] => (problem.errors ?? []).map(({ path }) => path);

/** A request with exactly these headers. */
function raw(path: string, headers: Record<string, string>, method = "GET"): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { method, headers, setHost: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on("error", reject).end();
  });
}

describe("submitting", () => {
  test("a body that is not JSON is a 400", async () => {
    const problem = await problemOf(await caller.post('{"workflow":'));
    expect(problem).toMatchObject({ status: 400, title: "Invalid JSON" });
  });

  test("a body that is nested without end is a 400", async () => {
    for (const levels of [101, 5_000, 200_000]) {
      const body = `{"workflow":"echoes","input":${"[".repeat(levels)}${"]".repeat(levels)}}`;
      const problem = await problemOf(await caller.post(body));
      expect(problem).toMatchObject({ status: 400, title: "Invalid JSON" });
    }
  });

  test.each([[], null])("a body that is %j is a 400", async (body) => {
    const problem = await problemOf(await caller.post(body));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem)).toEqual([""]);
  });
});

describe("reading", () => {
  test("another tenant's job does not exist", async () => {
    const { id } = await caller.submit("echoes", { text: "mine" });
    const other = new Caller(url, { "x-tenant-id": "other" });
    for (const path of [`/v1/jobs/${id}`, `/v1/jobs/${id}/events`]) {
      const theirs = await problemOf(await other.get(path));
      expect(theirs.status).toBe(404);
      const nobody = `job_${"a".repeat(26)}`;
      const none = await problemOf(await other.get(path.replace(id, nobody)));
      // Nothing tells a foreign job from one that does not exist.
      expect({ ...theirs, requestId: "" }).toEqual({ ...none, requestId: "", detail: theirs.detail });
    }
    const list = (await (await other.get("/v1/jobs?limit=100")).json()) as { jobs: JobView[] };
    expect(list.jobs.map((job) => job.id)).not.toContain(id);
  });

  test.each(["/v1/jobs/../../etc/passwd", "//", "//v1/jobs"])("GET %s is a 404", async (path) => {
    expect((await problemOf(await caller.get(path))).status).toBe(404);
  });
});

describe("the edge", () => {
  test("a method that a path does not take is a 405 with Allow", async () => {
    const response = await fetch(`${url}/healthz`, { method: "POST" });
    expect((await problemOf(response)).status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET");
  });

  test("a foreign Host is refused, so that no web page can reach in by a name of its own", async () => {
    for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""]) {
      expect((await raw("/v1/jobs", host === "" ? {} : { host })).status).toBeGreaterThanOrEqual(400);
    }
    expect((await raw("/v1/jobs", { host: "localhost:1234" })).status).toBe(200);
    expect((await raw("/healthz", { host: "[::1]:80" })).status).toBe(200);
  });

  test.each([
    ["a page of another site", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    ["a page of another port of this machine", { origin: "http://localhost:3000", "sec-fetch-site": "same-site" }],
    ["a page of nowhere, such as a sandboxed frame", { origin: "null" }],
    ["a page in a browser that sends no Sec-Fetch-Site", { origin: "https://evil.example" }],
    ["a page whose browser hides where it is from", { "sec-fetch-site": "cross-site" }],
  ])("%s changes nothing, whatever it posts", async (_, headers) => {
    const job = await caller.run("step-throws", { text: "x" });
    const commands = ["cancel", "redrive", "discard", "redeliver", "fork"].map((name) => `/v1/jobs/${job.id}/${name}`);
    for (const path of ["/v1/jobs", "/v1/dead-letters/redrive", ...commands]) {
      // What a `no-cors` request can be: no preflight asks before it.
      const response = await fetch(url + path, { method: "POST", headers });
      const { status, detail } = await problemOf(response);
      expect({ path, status, detail }).toMatchObject({
        path,
        status: 403,
        detail: expect.stringContaining("web pages"),
      });
    }
    expect(await caller.job(job.id)).toEqual(job);
  });

  test("a page of this server, and who is no browser, may post without a body", async () => {
    for (const headers of [{}, { origin: url, "sec-fetch-site": "same-origin" }, { "sec-fetch-site": "none" }]) {
      const response = await fetch(`${url}/v1/dead-letters/redrive?unknown=1`, { method: "POST", headers });
      // Let in, and then refused for what it asks.
      expect((await problemOf(response)).status).toBe(400);
    }
  });

  test("a body of another type is refused, also where it may be left out", async () => {
    const init = { method: "POST", body: "{}", headers: { "content-type": "text/plain" } };
    for (const path of ["/v1/dead-letters/redrive", `/v1/jobs/job_${"a".repeat(26)}/cancel`]) {
      expect((await problemOf(await fetch(url + path, init))).status).toBe(415);
    }
  });

  test("a tenant id of another shape is a 400", async () => {
    const problem = await problemOf(await new Caller(url, { "x-tenant-id": "../x" }).get("/v1/jobs"));
    expect(pathsOf(problem)).toEqual(["x-tenant-id"]);
  });

  test("an unknown path is a 404 that names the known ones", async () => {
    expect((await problemOf(await caller.get("/v2/jobs"))).detail).toContain("GET /v1/jobs");
  });
});

describe("the dead letters", () => {
  test("of a capability have the message of a step that it gave up, with the event's seq", async () => {
    const job = await caller.run("step-throws", { text: "x" });
    const letter = await deadLetterOf(job.id, "throwing");
    const events = await caller.events(job.id);
    expect(events.at(-1)).toMatchObject({ type: "step.dead_lettered", seq: letter.seq });
  });

  test("of a workflow's own queue have the message of a job that it could not bring forward", async () => {
    const { id } = await caller.submit("throws", { text: "x" });
    expect(await caller.run("echoes", { text: "meanwhile" })).toMatchObject({ status: "completed" });
    const job = await caller.settled(id);
    expect(job).toMatchObject({ status: "dead-lettered", error: { message: expect.stringContaining("TypeError") } });
    await deadLetterOf(id, "throws.advance");
    expect(await embedded.runtime.queue.deadLetters("throws.advance", 10)).toHaveLength(1);
  });
});

test("nothing that was logged holds a prompt or an answer", async () => {
  await caller.run("streams", { text: "one two three" });
  await caller.run("step-throws", { text: "meanwhile" });
  expect(logged.length).toBeGreaterThan(0);
  const payloads = logged.filter((line) => line.includes("meanwhile") || line.includes("one two three"));
  expect(payloads).toEqual([]);
});
