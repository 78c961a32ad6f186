import { Webhook } from "standardwebhooks";
import { describe, expect } from "vitest";
import {
  WebhookDeliveryList,
  WebhookEndpoint,
  WebhookEndpointList,
  WebhookSecret,
} from "../../src/contract/webhooks.ts";
import { type Received, startReceiver } from "../channels/webhook-receiver.ts";
import type { Caller } from "./caller.ts";
import { pathsOf, problemOf } from "./caller.ts";
import { eventually } from "./eventually.ts";
import { test, unique } from "./suite.ts";

const deliveriesOf = async (api: Caller, jobId: string) =>
  WebhookDeliveryList.parse(await (await api.get(`v1/jobs/${jobId}/webhooks`)).json()).deliveries;
const secretOf = async (api: Caller) => WebhookSecret.parse(await (await api.get("v1/webhooks/secret")).json());

/** What was received, if it is signed by the secret, or by the one before where another case has just rotated it. */
async function verified(api: Caller, received: Received | undefined): Promise<unknown> {
  const { secret, previous } = await secretOf(api);
  const { body = "", headers = {} } = received ?? {};
  const verify = (by: string): unknown => new Webhook(by).verify(body, headers as Record<string, string>);
  try {
    return verify(secret);
  } catch (error) {
    if (previous === undefined) throw error;
    return verify(previous.secret);
  }
}

/** The deliveries of a job once none of them is pending. */
const settledOf = (api: Caller, jobId: string, count = 1) =>
  eventually(
    `${count} deliveries of ${jobId}`,
    () => deliveriesOf(api, jobId),
    (all) => all.length === count && all.every(({ status }) => status !== "pending"),
    // The job itself has that long, and then its webhook, a first failure included.
    { withinMs: 2 * api.patience.settleMs, pollMs: api.patience.pollMs },
  );

describe("webhooks", () => {
  test("tell a job's end to its own receiver, signed with the tenant's secret", async ({ api }) => {
    await using receiver = await startReceiver();
    const { id } = await api.submit("echo", { text: "told" }, { webhook: { url: `${receiver.url}/own` } });
    const [delivery] = await settledOf(api, id);
    expect(delivery).toMatchObject({ webhook: "own", event: "job.completed", status: "delivered" });
    const [received] = receiver.at("/own");
    const payload = await verified(api, received);
    const job = await api.job(id);
    const { links: _, ...view } = job;
    expect(payload).toMatchObject({ type: "job.completed", data: { jobId: id, seq: job.seq, job: view } });
    expect(received?.headers["webhook-id"]).toBe(delivery?.id);
  });

  test("are tried again when the receiver fails, each attempt on record, under the same id", async ({ api }) => {
    await using receiver = await startReceiver((response, n) => response.writeHead(n === 1 ? 500 : 204).end());
    const { id } = await api.submit("echo", { text: "again" }, { webhook: { url: `${receiver.url}/again` } });
    const [delivery] = await settledOf(api, id);
    expect(delivery?.attempts.map(({ status }) => status)).toEqual([500, 204]);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([delivery?.id]));
  });

  test("do not follow a redirect", async ({ api }) => {
    await using other = await startReceiver();
    await using receiver = await startReceiver((response, n) =>
      n === 1 ? response.writeHead(307, { location: `${other.url}/private` }).end() : response.writeHead(204).end(),
    );
    const { id } = await api.submit("echo", { text: "moved" }, { webhook: { url: `${receiver.url}/moved` } });
    const [delivery] = await settledOf(api, id);
    expect(delivery?.attempts.map(({ status }) => status)).toEqual([307, 204]);
    expect(other.received).toEqual([]);
  });

  test("can be sent again by hand", async ({ api }) => {
    await using receiver = await startReceiver();
    const { id } = await api.submit("echo", { text: "by hand" }, { webhook: { url: `${receiver.url}/hand` } });
    const [delivery] = await settledOf(api, id);
    expect((await api.send(`v1/jobs/${id}/webhooks/${delivery?.id}/resend`)).status).toBe(200);
    await receiver.until("/hand", 2);
    const [again] = await settledOf(api, id);
    expect(again?.attempts).toHaveLength(2);
  });

  test("go to the endpoints of a tenant while these are enabled; 410 disables one", async ({ other }) => {
    await using receiver = await startReceiver((response, n) => response.writeHead(n === 1 ? 204 : 410).end());
    const url = `${receiver.url}/${unique()}`;
    const added = await other.send("v1/webhooks", { url, events: ["job.cancelled"] });
    expect(added.status).toBe(201);
    const endpoint = WebhookEndpoint.parse(await added.json());
    const cancelled = async () => {
      const { id } = await other.submit("trial", { mode: "naps", text: "x", size: 60_000 });
      await other.command(id, "cancel");
      return id;
    };
    const mine = async (jobId: string) =>
      (await deliveriesOf(other, jobId)).filter(({ webhook }) => webhook === endpoint.id);
    const settled = (jobId: string) =>
      other.late(
        "the delivery",
        () => mine(jobId),
        ([one]) => one !== undefined && one.status !== "pending",
      );
    expect(await settled(await cancelled())).toMatchObject([{ status: "delivered" }]);
    expect(await settled(await cancelled())).toMatchObject([{ status: "failed", attempts: [{ status: 410 }] }]);
    const listed = async () =>
      WebhookEndpointList.parse(await (await other.get("v1/webhooks")).json()).endpoints.find(
        ({ id }) => id === endpoint.id,
      );
    await other.late("the endpoint's end", listed, (one) => one?.disabledAt !== undefined);
    expect(await mine(await cancelled())).toEqual([]);
    const enabled = await other.send(`v1/webhooks/${endpoint.id}/enable`);
    expect(WebhookEndpoint.parse(await enabled.json()).disabledAt).toBeUndefined();
    const removed = await other.call(`v1/webhooks/${endpoint.id}`, { method: "DELETE" });
    expect(removed.status).toBe(200);
    expect(await listed()).toBeUndefined();
  });

  test("of another tenant are nobody's business", async ({ api, other }) => {
    await using receiver = await startReceiver();
    const { id } = await api.submit("echo", { text: "mine" }, { webhook: { url: `${receiver.url}/mine` } });
    const [delivery] = await settledOf(api, id);
    for (const response of [
      await other.get(`v1/jobs/${id}/webhooks`),
      await other.send(`v1/jobs/${id}/webhooks/${delivery?.id}/resend`),
    ]) {
      expect((await problemOf(response)).status).toBe(404);
    }
    expect((await secretOf(api)).secret).not.toBe((await secretOf(other)).secret);
  });

  test.for([
    "http://example.com/",
    "https://10.0.0.1/",
    "https://169.254.169.254/",
    "https://[::ffff:169.254.169.254]/",
    "https://user:secret@example.com/",
  ])("to %s are refused at submission", async (url, { api }) => {
    const response = await api.post({ workflow: "echo", input: { text: "x" }, options: { webhook: { url } } });
    const problem = await problemOf(response);
    expect(problem.status).toBe(400);
    expect(pathsOf(problem)).toEqual(["/options/webhook/url"]);
  });
});
