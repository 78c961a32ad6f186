import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import type { analysis } from "../../app/workflows/analysis.ts";
import { JobEndedError, SluiceClient, SluiceError } from "../../client/index.ts";
import { type Served, serve } from "./embedded.ts";
import { all } from "./follower.ts";

let served: Served;
let client: SluiceClient;

beforeAll(async () => {
  served = await serve();
  client = new SluiceClient({ url: served.url, channel: "poll", retry: { pollMs: 10 } });
});
afterAll(() => served[Symbol.asyncDispose]());

describe("a job", () => {
  test("is submitted, followed to its end, and gives its result", async () => {
    const job = await client.submit("echoes", { text: "hello" });
    const events = await all(job.events());
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events[0]?.type).toBe("job.submitted");
    expect(events.at(-1)?.type).toBe("job.completed");
    expect(await job.result()).toEqual({ text: "hello" });
    expect(await all(job.events({ after: 2 }))).toEqual(events.slice(2));
    expect(await all(job.events({ after: events.length }))).toEqual([]);
  });

  test("is the same one for the same idempotency key, and another one without", async () => {
    const once = await client.submit("echoes", { text: "x" }, { idempotencyKey: "k1" });
    const again = await client.submit("echoes", { text: "x" }, { idempotencyKey: "k1" });
    const other = await client.submit("echoes", { text: "x" });
    expect(again.id).toBe(once.id);
    expect(other.id).not.toBe(once.id);
  });

  test("that is cancelled has no result, and says why", async () => {
    const job = await client.submit("sleepy", { ms: 60_000, steps: 1 });
    const result = job.result();
    await job.cancel({ reason: "not needed" });
    await expect(result).rejects.toThrow(JobEndedError);
    await expect(result).rejects.toMatchObject({ job: { id: job.id, status: "cancelled" } });
  });

  test("waits for the answer at submission where that is asked for", async () => {
    const job = await client.submit("echoes", { text: "now" }, { waitSeconds: 20 });
    expect(job.accepted).toMatchObject({ status: "completed", result: { text: "now" } });
  });

  test("streams its text without gaps or repeats", async () => {
    const job = await client.submit("streams", { text: "one two three" });
    const chunks = await all(job.text());
    expect(chunks.map(({ text }) => text).join("")).toBe("one two three ");
    expect(chunks.map(({ anew }) => anew).indexOf(true)).toBe(0);
    expect(chunks.filter(({ anew }) => anew)).toHaveLength(1);
  });

  test("with a dead letter is redriven, answered by hand and forked", async () => {
    const job = await client.submit("step-throws", { text: "x" });
    for await (const event of job.events()) if (event.type === "step.dead_lettered") break;
    const [letter] = await all(client.deadLetters({ workflow: "step-throws" }));
    expect(letter).toMatchObject({ jobId: job.id, stepId: "only", error: { name: "Error" } });
    const view = await job.redrive({ stepId: "only", seq: letter?.seq ?? 0, result: { text: "by hand" } });
    expect(view.id).toBe(job.id);
    expect(await job.result()).toEqual({ text: "by hand" });
    const fork = await job.fork({ after: "only" });
    expect(await fork.result()).toEqual({ text: "by hand" });
  });

  test("that is discarded fails", async () => {
    const job = await client.submit("step-throws", { text: "x" });
    for await (const event of job.events()) if (event.type === "step.dead_lettered") break;
    await job.discard({ stepId: "only", reason: "not needed" });
    await expect(job.result()).rejects.toMatchObject({ name: "JobEndedError", job: { status: "failed" } });
  });
});

describe("a refusal", () => {
  test("is told with its problem document, and is not tried again", async () => {
    await expect(client.submit("echoes", { text: 1 })).rejects.toMatchObject({
      name: "SluiceError",
      status: 400,
      problem: { errors: [{ path: "/input/text" }] },
    });
    await expect(client.get("job_aaaaaaaaaaaaaaaaaaaaaaaaaa")).rejects.toThrow(SluiceError);
    await expect(all(client.job("job_aaaaaaaaaaaaaaaaaaaaaaaaaa").events())).rejects.toMatchObject({ status: 404 });
  });

  test("is told of a cursor past the log's end", async () => {
    const job = await client.submit("echoes", { text: "x" });
    await job.result();
    await expect(all(job.events({ after: 1_000 }))).rejects.toMatchObject({ status: 400 });
  });
});

describe("an abort signal", () => {
  test("ends a reader with its reason", async () => {
    const job = await client.submit("sleepy", { ms: 60_000, steps: 1 });
    const reason = new Error("enough");
    const controller = new AbortController();
    const read = async () => {
      for await (const event of job.events({ signal: controller.signal })) {
        if (event.type === "step.started") controller.abort(reason);
      }
    };
    await expect(read()).rejects.toBe(reason);
    await expect(job.result({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(client.submit("echoes", { text: "x" }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await job.cancel();
  });
});

test("lists are read as far as they are iterated over", async () => {
  for (const text of ["1", "2", "3"]) await client.submit("echoes", { text });
  let pages = 0;
  for await (const page of client.list({ workflow: "echoes", limit: 2 }).pages()) {
    expect(page.items.length).toBe(2);
    if (++pages === 1) break;
  }
  const jobs = await all(client.list({ workflow: "echoes", limit: 2 }));
  expect(new Set(jobs.map(({ id }) => id)).size).toBe(jobs.length);
  expect(jobs.length).toBeGreaterThanOrEqual(3);
});

test("a job is typed by its workflow", () => {
  const job = client.job<typeof analysis>("job_x");
  expectTypeOf(job.result).returns.resolves.toHaveProperty("answer").toEqualTypeOf<string>();
  expectTypeOf(client.submit<typeof analysis>)
    .parameter(0)
    .toEqualTypeOf<"analysis">();
  expectTypeOf(client.submit<typeof analysis>)
    .parameter(1)
    .toEqualTypeOf<{ query: string }>();
});
