import { createParser } from "eventsource-parser";
import { describe, expect } from "vitest";
import type { JobView } from "../../src/contract/api.ts";
import type { JobEvent } from "../../src/contract/events.ts";
import type { Caller } from "./caller.ts";
import { problemOf } from "./caller.ts";
import { test, unique } from "./suite.ts";

const accept = "text/event-stream";

interface Followed {
  readonly events: JobEvent[];
  readonly ids: string[];
  readonly types: string[];
}

/** Reads as an EventSource does: comes back with the last id until it is told, by a 204, that there is no more. */
async function follow(api: Caller, id: string, after = 0): Promise<Followed> {
  const followed: Followed = { events: [], ids: [], types: [] };
  const parser = createParser({
    onEvent({ id: eventId = "", event = "", data }) {
      followed.ids.push(eventId);
      followed.types.push(event);
      followed.events.push(JSON.parse(data) as JobEvent);
    },
  });
  const read = async (): Promise<number> => {
    const last = followed.ids.at(-1);
    const response = await api.get(`v1/jobs/${id}/events?after=${after}`, {
      accept,
      ...(last === undefined ? {} : { "last-event-id": last }),
    });
    if (response.status === 200) {
      expect(response.headers.get("content-type")?.split(";")[0]).toBe(accept);
      parser.feed(await response.text());
    }
    return response.status;
  };
  await api.late("the end of the stream", read, (status) => status === 204);
  return followed;
}

describe("server-sent events", () => {
  test("tell the same as pages do, from any cursor, and say when there is no more", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "streams", text: "one two three" });
    const { events, ids, types } = await follow(api, id);
    const log = await api.events(id);
    expect(events).toEqual(log);
    expect(ids).toEqual(log.map(({ seq }) => String(seq)));
    expect(types).toEqual(log.map(({ type }) => type));
    for (const after of [1, log.length - 1]) expect((await follow(api, id, after)).events).toEqual(log.slice(after));
  });

  test("are given to who asks for them, and a page to who takes anything", async ({ api }) => {
    const { id } = await api.run("echo", { text: "accept" });
    const typeOf = async (asked: string): Promise<string | undefined> =>
      (await api.get(`v1/jobs/${id}/events`, { accept: asked })).headers.get("content-type")?.split(";")[0];
    expect(await typeOf("application/json, text/event-stream")).toBe(accept);
    expect(await typeOf("*/*")).toBe("application/json");
    expect(await typeOf("text/event-stream;q=0, */*")).toBe("application/json");
  });

  test.for(["-1", "abc", "1000"])("with Last-Event-ID %s are a 400", async (cursor, { api }) => {
    const { id } = await api.run("echo", { text: "cursor" });
    const response = await api.get(`v1/jobs/${id}/events`, { accept, "last-event-id": cursor });
    expect((await problemOf(response)).status).toBe(400);
  });

  test("of another tenant's job do not exist", async ({ api, other }) => {
    const { id } = await api.run("echo", { text: "mine" });
    expect((await problemOf(await other.get(`v1/jobs/${id}/events`, { accept }))).status).toBe(404);
  });
});

describe("Prefer: wait", () => {
  const submit = (api: Caller, workflow: string, input: object, headers: Record<string, string>): Promise<Response> =>
    api.post({ workflow, input }, headers);

  test("answers with the job once it has ended, or, after its time, with a job that goes on", async ({ api }) => {
    const response = await submit(api, "echo", { text: "wait" }, { prefer: "respond-async, wait=25" });
    expect(response.headers.get("preference-applied")).toBe("wait=25");
    const job = (await response.json()) as JobView;
    // How fast a target is it does not promise.
    if (response.status === 200) expect(job).toMatchObject({ status: "completed", result: { text: "wait" } });
    else expect(response.status).toBe(202);
    expect(await api.settled(job.id)).toMatchObject({ status: "completed" });
  });

  test("of a job that has ended answers at once", async ({ api }) => {
    const key = { "idempotency-key": unique() };
    const { id } = (await (await submit(api, "echo", { text: "again" }, key)).json()) as JobView;
    await api.settled(id);
    const again = await submit(api, "echo", { text: "again" }, { ...key, prefer: "wait=20" });
    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({ id, status: "completed" });
  });

  test("of a job that waits for a person is a 202 after its time", async ({ api }) => {
    const input = { mode: "needs-a-person", text: "wait" };
    const response = await submit(api, "trial", input, { prefer: "wait=1" });
    expect(response.status).toBe(202);
    expect(response.headers.get("preference-applied")).toBe("wait=1");
  });

  test.for(["wait=ten", "wait=-1", "return=minimal"])("%s is ignored", async (prefer, { api }) => {
    const response = await submit(api, "echo", { text: "ignored" }, { prefer });
    expect(response.status).toBe(202);
    expect(response.headers.get("preference-applied")).toBeNull();
  });
});
