import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JobView } from "../../src/contract/api.ts";
import { JobEvent } from "../../src/contract/events.ts";
import type { Problem } from "../../src/contract/problem.ts";
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
  test("answers 202 with the job, its place and when to look", async () => {
    const response = await caller.post({ workflow: "echoes", input: { text: "hi" } });
    expect(response.status).toBe(202);
    const job = (await response.json()) as JobView;
    expect(response.headers.get("location")).toBe(`/v1/jobs/${job.id}`);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await caller.settled(job.id)).toMatchObject({ status: "completed", result: { text: "hi" } });
  });

  test("an unknown workflow is a 400 that names the known ones", async () => {
    const problem = await problemOf(await caller.post({ workflow: "nope", input: {} }));
    expect(problem).toMatchObject({ status: 400, errors: [{ path: "/workflow" }] });
    expect(problem.detail).toContain('"nope"');
    expect(problem.detail).toContain("echoes");
  });

  test("a body that is not JSON is a 400", async () => {
    const problem = await problemOf(await caller.post('{"workflow":'));
    expect(problem).toMatchObject({ status: 400, title: "Invalid JSON" });
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])(
    "a body of type %s is a 415",
    async (type) => {
      const problem = await problemOf(
        await caller.post({ workflow: "echoes", input: { text: "a" } }, { "content-type": type }),
      );
      expect(problem.status).toBe(415);
      expect(problem.detail).toContain(type);
    },
  );

  test("a body over 1 MB is a 413, whether it says its length or not", async () => {
    const body = JSON.stringify({ workflow: "echoes", input: { text: "x".repeat(1_048_576) } });
    expect((await problemOf(await caller.post(body))).status).toBe(413);
    const stream = new Blob([body]).stream();
    const chunked = await fetch(`${url}/v1/jobs`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: stream,
      duplex: "half",
    } as RequestInit);
    expect((await problemOf(chunked)).status).toBe(413);
  });

  test("a body just under 1 MB is taken and comes back whole", async () => {
    const text = "ü".repeat(500_000);
    expect(await caller.run("echoes", { text })).toMatchObject({ status: "completed", result: { text } });
  });

  test("every violation of a workflow's input is named with its path", async () => {
    const problem = await problemOf(
      await caller.post({ workflow: "typed", input: { name: "ab", age: 1.5, tags: ["ok", 7] } }),
    );
    expect(problem.status).toBe(400);
    expect(pathsOf(problem).sort()).toEqual(["/input/age", "/input/name", "/input/tags/1"]);
  });

  test("a body that is nested without end is a 400", async () => {
    for (const levels of [101, 5_000, 200_000]) {
      const body = `{"workflow":"echoes","input":${"[".repeat(levels)}${"]".repeat(levels)}}`;
      const problem = await problemOf(await caller.post(body));
      expect(problem).toMatchObject({ status: 400, title: "Invalid JSON" });
    }
  });

  test.each([
    [[], [""]],
    [null, [""]],
    [{}, ["/workflow", "/input"]],
    [{ workflow: "echoes", input: { text: "a" }, extra: 1 }, [""]],
    [{ workflow: "echoes", input: { text: "a" }, options: { deadlineMs: 5 } }, ["/options/deadlineMs"]],
  ])("the body %j is a 400", async (body, paths) => {
    const problem = await problemOf(await caller.post(body));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem)).toEqual(paths);
  });
});

describe("an Idempotency-Key", () => {
  test("makes a repeat answer with the first job, quoted or bare, in whatever order the members stand", async () => {
    const first = await caller.post('{"workflow":"typed","input":{"name":"Ada","age":1,"tags":[]}}', {
      "idempotency-key": '"k-1"',
    });
    const again = await caller.post('{"input":{"tags":[],"age":1,"name":"Ada"},"workflow":"typed"}', {
      "idempotency-key": "k-1",
    });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const job = (await first.json()) as JobView;
    expect(((await again.json()) as JobView).id).toBe(job.id);
    const events = await caller.settled(job.id).then(() => caller.events(job.id));
    expect(events.filter(({ type }) => type === "job.submitted")).toHaveLength(1);
  });

  test("sent ten times at once makes one job", async () => {
    const all = await Promise.all(
      Array.from({ length: 10 }, () =>
        caller.post({ workflow: "echoes", input: { text: "once" } }, { "idempotency-key": "k-10" }),
      ),
    );
    const ids = await Promise.all(all.map(async (response) => ((await response.json()) as JobView).id));
    expect(new Set(ids).size).toBe(1);
  });

  test("for another payload is a 422", async () => {
    await caller.post({ workflow: "echoes", input: { text: "a" } }, { "idempotency-key": "k-2" });
    const response = await caller.post({ workflow: "echoes", input: { text: "b" } }, { "idempotency-key": "k-2" });
    expect((await problemOf(response)).status).toBe(422);
  });

  test("of another tenant is another key", async () => {
    const headers = { "idempotency-key": "k-3" };
    const mine = (await (await caller.post({ workflow: "echoes", input: { text: "a" } }, headers)).json()) as JobView;
    const other = new Caller(url, { "x-tenant-id": "other" });
    const theirs = (await (await other.post({ workflow: "echoes", input: { text: "b" } }, headers)).json()) as JobView;
    expect(theirs.id).not.toBe(mine.id);
  });

  test("that is empty or too long is a 400", async () => {
    for (const key of ['""', "x".repeat(300)]) {
      const response = await caller.post({ workflow: "echoes", input: { text: "a" } }, { "idempotency-key": key });
      expect(pathsOf(await problemOf(response))).toEqual(["Idempotency-Key"]);
    }
  });
});

describe("reading", () => {
  test("events are numbered from 1 without gaps, fit their schema, and can be read from any cursor", async () => {
    const job = await caller.run("echoes", { text: "log" });
    const events = await caller.events(job.id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    for (const event of events) JobEvent.parse(event);
    for (let after = 0; after <= events.length; after++) {
      const page = (await (await caller.get(`/v1/jobs/${job.id}/events?after=${after}`)).json()) as object;
      expect(page).toEqual({ events: events.slice(after), next: events.length, ended: true });
    }
    const first = (await (await caller.get(`/v1/jobs/${job.id}/events?limit=2`)).json()) as object;
    expect(first).toEqual({ events: events.slice(0, 2), next: 2, ended: false });
  });

  test("what a capability streams is on record, its end before its result", async () => {
    const job = await caller.run("streams", { text: "one two three" });
    const events = await caller.events(job.id);
    const streamed = events.filter((event) => event.type === "step.progress");
    expect(streamed.map(({ text }) => text).join("")).toBe("one two three ");
    expect(streamed.at(-1)).toMatchObject({ final: true, output: { text: "one two three" } });
    expect(job.usage).toEqual({ model: "test", inputTokens: 3, outputTokens: 4 });
  });

  test("the list has the tenant's jobs, newest first, by pages and filters", async () => {
    const tenant = new Caller(url, { "x-tenant-id": "lister" });
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift((await tenant.run(n % 2 ? "echoes" : "streams", { text: `n${n}` })).id);
    const seen: string[] = [];
    let cursor = "";
    do {
      const page = (await (await tenant.get(`/v1/jobs?limit=2${cursor}`)).json()) as { jobs: JobView[]; next?: string };
      seen.push(...page.jobs.map(({ id }) => id));
      cursor = page.next === undefined ? "" : `&cursor=${encodeURIComponent(page.next)}`;
    } while (cursor !== "");
    expect(seen).toEqual(ids);
    const filtered = (await (await tenant.get("/v1/jobs?workflow=echoes&status=completed")).json()) as {
      jobs: JobView[];
    };
    expect(filtered.jobs.map(({ id }) => id)).toEqual([ids[1], ids[3]]);
    expect(await (await tenant.get("/v1/jobs?status=failed")).json()).toEqual({ jobs: [] });
  });

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

  test.each([
    ["/v1/jobs?foo=1", ["foo"]],
    ["/v1/jobs?limit=0", ["limit"]],
    ["/v1/jobs?limit=ten", ["limit"]],
    ["/v1/jobs?limit=0x10", ["limit"]],
    ["/v1/jobs?limit=101", ["limit"]],
    ["/v1/jobs?limit=1&limit=2", ["limit"]],
    ["/v1/jobs?status=unknown", ["status"]],
    ["/v1/jobs?cursor=bm9uc2Vuc2U", ["cursor"]],
    ["/v1/capabilities?x=1", ["x"]],
    ["/v1/jobs/job_short", ["jobId"]],
    ["/v1/jobs/../../etc/passwd", undefined],
    ["//", undefined],
    ["//v1/jobs", undefined],
  ])("GET %s is a problem that names what is wrong", async (path, paths) => {
    const problem = await problemOf(await caller.get(path));
    expect(problem.status).toBe(paths === undefined ? 404 : 400);
    if (paths) expect(pathsOf(problem)).toEqual(paths);
  });

  test.each(["-1", "1.5", "abc", "", "99999999999", "1000"])("after=%s is a 400", async (after) => {
    const { id } = await caller.run("echoes", { text: "x" });
    const problem = await problemOf(await caller.get(`/v1/jobs/${id}/events?after=${after}`));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem)).toEqual(["after"]);
  });
});

describe("the edge", () => {
  test("a method that a path does not take is a 405 with Allow", async () => {
    for (const method of ["PUT", "DELETE", "PATCH"]) {
      const response = await fetch(`${url}/v1/jobs`, { method });
      expect((await problemOf(response)).status).toBe(405);
      expect(response.headers.get("allow")).toBe("GET, POST");
    }
    const response = await fetch(`${url}/healthz`, { method: "POST" });
    expect(response.headers.get("allow")).toBe("GET");
  });

  test("a foreign Host is refused, so that no web page can reach in by a name of its own", async () => {
    for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""]) {
      expect((await raw("/v1/jobs", host === "" ? {} : { host })).status).toBeGreaterThanOrEqual(400);
    }
    expect((await raw("/v1/jobs", { host: "localhost:1234" })).status).toBe(200);
    expect((await raw("/healthz", { host: "[::1]:80" })).status).toBe(200);
  });

  test("a tenant id of another shape is a 400", async () => {
    const problem = await problemOf(await new Caller(url, { "x-tenant-id": "../x" }).get("/v1/jobs"));
    expect(pathsOf(problem)).toEqual(["x-tenant-id"]);
  });

  test("an unknown path is a 404 that names the known ones", async () => {
    expect((await problemOf(await caller.get("/v2/jobs"))).detail).toContain("GET /v1/jobs");
  });
});

describe("a capability that", () => {
  test("throws is tried again by the queue, then waits for a person with the error on record", async () => {
    const job = await caller.run("step-throws", { text: "x" });
    expect(job.status).toBe("dead-lettered");
    const [step] = job.steps;
    expect(step).toMatchObject({
      status: "dead-lettered",
      error: { name: "Error", message: "the dependency is on fire", cause: { message: "smoke" } },
    });
    expect(step?.attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, "failed"],
      [2, "failed"],
    ]);
    const letters = await embedded.runtime.queue.deadLetters("throwing", 100);
    const letter = letters.find(({ message }) => message.detail.jobId === job.id);
    const events = await caller.events(job.id);
    expect(events.at(-1)).toMatchObject({ type: "step.dead_lettered", seq: letter?.seq });
    const listed = (await (await caller.get("/v1/jobs?status=dead-lettered&limit=100")).json()) as { jobs: JobView[] };
    expect(listed.jobs.map(({ id }) => id)).toContain(job.id);
  });

  test("fails once succeeds at the second attempt", async () => {
    const job = await caller.run("step-flaky", { text: "again" });
    expect(job).toMatchObject({ status: "completed", result: { text: "again" } });
    expect(job.steps[0]?.attempts.map(({ outcome }) => outcome)).toEqual(["failed", "completed"]);
  });

  test("fails for good, and says that this is for the workflow to hear, fails the job", async () => {
    const job = await caller.run("step-terminal", { text: "x" });
    expect(job).toMatchObject({ status: "failed", error: { name: "StepFailedError" } });
    expect(job.error?.message).toContain("no such model");
  });

  test("returns what its schema forbids is not called again; what it returned is kept", async () => {
    const job = await caller.run("step-forbidden", { text: "x" });
    expect(job.status).toBe("dead-lettered");
    const failed = (await caller.events(job.id)).find((event) => event.type === "step.failed");
    expect(failed).toMatchObject({ final: true, output: { text: 7, count: "many" }, error: { name: "OutputError" } });
    const detail = failed?.type === "step.failed" ? JSON.stringify(failed.error.detail) : "";
    expect(detail).toContain("/output/text");
    expect(detail).toContain("/output/count");
    expect(job.steps[0]?.attempts).toHaveLength(1);
  });

  test("returns 5 MB is refused with the size and the limit; what it returned is kept", async () => {
    const job = await caller.run("step-huge", { text: "x" });
    expect(job.status).toBe("dead-lettered");
    expect(job.steps[0]?.error?.message).toMatch(/5242\d+ bytes.*1048576/);
    const failed = (await caller.events(job.id)).find((event) => event.type === "step.failed");
    expect((failed as { output?: { text: string } }).output?.text).toHaveLength(5 * 1024 * 1024);
  });

  test("never returns is given up at its timeout", async () => {
    const job = await caller.run("step-hangs", { text: "x" });
    expect(job.steps[0]?.error).toMatchObject({ name: "TimeoutError" });
  });
});

describe("a workflow that", () => {
  test.each([
    ["throws", "TypeError"],
    ["same-id-twice", '"same" is used twice'],
    ["awaits-no-step", "awaits something that is no step"],
  ])("%s waits for a person after three tries; its results stay, others go on", async (workflow, said) => {
    const { id } = await caller.submit(workflow, { text: "x" });
    expect(await caller.run("echoes", { text: "meanwhile" })).toMatchObject({ status: "completed" });
    const job = await caller.settled(id);
    expect(job.status).toBe("dead-lettered");
    expect(job.error?.message).toContain(said);
    const events = await caller.events(id);
    expect(events.filter(({ type }) => type === "step.failed")).toHaveLength(3);
    expect(events.filter(({ type }) => type === "step.completed").length).toBe(workflow === "same-id-twice" ? 0 : 1);
    expect(await embedded.runtime.queue.deadLetters(`${workflow}.advance`, 10)).toHaveLength(1);
  });
});

test("nothing that was logged holds a prompt or an answer", () => {
  expect(logged.length).toBeGreaterThan(0);
  const payloads = logged.filter((line) => line.includes("meanwhile") || line.includes("one two three"));
  expect(payloads).toEqual([]);
});
