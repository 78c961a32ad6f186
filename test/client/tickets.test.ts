import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ChannelName, SluiceClient, type TicketSource } from "../../client/index.ts";
import { type Served, serve } from "./embedded.ts";
import { all, HASTY } from "./follower.ts";

let served: Served;

beforeAll(async () => {
  served = await serve();
});
afterAll(() => served[Symbol.asyncDispose]());

const CHANNELS: readonly (ChannelName | "auto")[] = ["websocket", "sse", "poll", "auto"];

describe("a page's source of tickets", () => {
  const jobOf = async (sourceOf: (own: TicketSource) => TicketSource) => {
    const own = await new SluiceClient({ url: served.url }).submit("echoes", { text: "x" });
    const ticket = sourceOf(() => own.ticket());
    return new SluiceClient({ url: served.url, ticket, retry: HASTY }).job(own.id);
  };

  test.each(CHANNELS)("that is out of reach for a while does not end a reader: %s", async (channel) => {
    let calls = 0;
    const job = await jobOf((own) => async (jobId) => {
      // As a browser's `fetch` has it.
      if (++calls <= 3) throw new TypeError("Failed to fetch");
      return own(jobId);
    });
    expect((await all(job.events({ channel }))).at(-1)?.type).toBe("job.completed");
    expect(calls).toBeGreaterThan(3);
  });

  test.each(CHANNELS)("whose server is busy for a while does not, either: %s", async (channel) => {
    let calls = 0;
    const busy = { type: "about:blank", title: "Busy", status: 503, detail: "come again" };
    const job = await jobOf((own) => async (jobId) => (++calls <= 3 ? (busy as never) : own(jobId)));
    expect((await all(job.events({ channel }))).at(-1)?.type).toBe("job.completed");
    expect(calls).toBeGreaterThan(3);
  });

  test.each(CHANNELS)("that gives no ticket is told so: %s", async (channel) => {
    const given = async (answer: unknown) => all((await jobOf(() => async () => answer as never)).events({ channel }));
    await expect(given({ error: "please log in" })).rejects.toThrow("gave no ticket, but an object with error");
    await expect(given(undefined)).rejects.toThrow("gave no ticket, but undefined");
    await expect(given("")).rejects.toThrow("gave no ticket, but an empty text");
    const refusal = { title: "Not yours", status: 403, detail: "another's job" };
    await expect(given(refusal)).rejects.toMatchObject({ status: 403, message: expect.stringContaining("Not yours") });
  });
});
