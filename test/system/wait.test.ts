import { expect, test } from "vitest";
import type { JobView } from "../../src/contract/api.ts";
import type { Readers } from "../../src/core/runtime.ts";
import { startGated } from "./start-gated.ts";

async function begin(readers?: Readers) {
  const started = await startGated(2, readers);
  const submit = (prefer: string, init: RequestInit & { key?: string } = {}): Promise<Response> =>
    fetch(`${started.url}/v1/jobs`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        prefer,
        ...(init.key === undefined ? {} : { "idempotency-key": init.key }),
      },
      body: JSON.stringify({ workflow: "chain", input: { text: "x" } }),
      ...init,
    });
  return { ...started, submit };
}

const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((resolve) => setImmediate(resolve));
};

test("an answer waits for its job's end, which it has", async () => {
  const { submit, open, places, followers } = await begin();
  const answer = submit("wait=20");
  await until(() => places() === 1);
  open();
  const response = await answer;
  expect(response.status).toBe(200);
  expect(response.headers.get("preference-applied")).toBe("wait=20");
  expect(response.headers.get("retry-after")).toBeNull();
  const job = (await response.json()) as JobView;
  expect(job).toMatchObject({ status: "completed", result: { text: "x" } });
  expect(response.headers.get("location")).toBe(`/v1/jobs/${job.id}`);
  expect([places(), followers()]).toEqual([0, 0]);
});

test("a job that has ended is told at once, also by its idempotency key, and also where it was cancelled", async () => {
  const { submit, url } = await begin();
  const { id } = (await (await submit("respond-async", { key: "once" })).json()) as JobView;
  await fetch(`${url}/v1/jobs/${id}/cancel`, { method: "POST" });
  const again = await submit("wait=20", { key: "once" });
  expect(again.status).toBe(200);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect(await again.json()).toMatchObject({ id, status: "cancelled" });
});

test("after its time the answer is a 202 with the job, which goes on", async () => {
  const { submit, open, caller, places, followers } = await begin();
  const response = await submit("wait=1");
  expect(response.status).toBe(202);
  expect(response.headers.get("preference-applied")).toBe("wait=1");
  const { id } = (await response.json()) as JobView;
  expect([places(), followers()]).toEqual([0, 0]);
  open();
  expect(await caller.settled(id)).toMatchObject({ status: "completed" });
});

test.each(["respond-async", "wait=soon", "wait=0"])(
  "with Prefer: %s it is a 202 at once, to which nothing was applied",
  async (prefer) => {
    const { submit } = await begin();
    const response = await submit(prefer);
    expect(response.status).toBe(202);
    expect(response.headers.get("preference-applied")).toBeNull();
  },
);

test("where as many wait as may, one more is answered at once", async () => {
  const { submit, open, places } = await begin({ streams: 0, waits: 1 });
  const first = submit("wait=20");
  await until(() => places() === 1);
  const second = await submit("wait=20");
  expect(second.status).toBe(202);
  expect(second.headers.get("preference-applied")).toBeNull();
  open();
  expect((await first).status).toBe(200);
});

test("who waits keeps nobody from submitting", async () => {
  const { submit, open, places, caller } = await begin();
  // More than are let in at once.
  const waiting = Array.from({ length: 40 }, () => submit("wait=25"));
  await until(() => places() === 40);
  expect((await caller.post({ workflow: "chain", input: { text: "now" } })).status).toBe(202);
  open();
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 200));
});

test("who hangs up, waits no more", async () => {
  const { submit, places, followers, warnings } = await begin();
  const leaving = new AbortController();
  const answer = submit("wait=25", { signal: leaving.signal });
  await until(() => places() === 1);
  leaving.abort();
  await expect(answer).rejects.toThrow();
  await until(() => places() === 0 && followers() === 0);
  expect(warnings).toEqual([]);
});

test("a server that closes answers those who wait: their jobs go on", async () => {
  const { submit, close, places } = await begin();
  const answer = submit("wait=25");
  await until(() => places() === 1);
  await close();
  expect((await answer).status).toBe(202);
});
