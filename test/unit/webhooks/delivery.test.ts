import { setTimeout as pause } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { expect, test } from "vitest";
import { startReceiver } from "../../channels/webhook-receiver.ts";
import { openWorld, type World } from "./webhook-world.ts";

const HOUR_MS = 3_600_000;
const settled = (all: { status: string }[]): boolean =>
  all.length > 0 && all.every(({ status }) => status !== "pending");

const secretOf = async (world: World): Promise<string> =>
  (await world.call<{ secret: string }>("webhook-endpoints", { resource: "/v1/webhooks/secret" })).body.secret;

test("a job's end is told to its own webhook, signed so that two libraries of others take it", async () => {
  await using receiver = await startReceiver();
  await using world = openWorld();
  const job = await world.submit({ webhook: { url: `${receiver.url}/own` } });
  const [delivery] = await world.late(job.id, settled);
  expect(delivery).toMatchObject({ webhook: "own", event: "job.completed", status: "delivered" });
  expect(delivery?.attempts).toMatchObject([{ attempt: 1, status: 204, latencyMs: expect.any(Number) }]);
  const [received] = receiver.at("/own");
  const { headers, body = "" } = received ?? {};
  expect(headers).toMatchObject({ "webhook-id": delivery?.id, "content-type": "application/json" });
  expect(delivery?.id).not.toContain(".");
  const payload = JSON.parse(body);
  expect(payload).toMatchObject({
    type: "job.completed",
    data: { jobId: job.id, tenant: "acme", job: { status: "completed", result: { text: "in" } } },
  });
  // Both libraries compare with the machine's clock: sign for now what was signed for the virtual one.
  expect(headers?.["webhook-timestamp"]).toBe(String(world.clock.now() / 1_000));
  const signed = { ...headers } as Record<string, string>;
  for (const Library of [Webhook, SvixWebhook]) {
    const library = new Library(await secretOf(world));
    const at = new Date(1_000 * Number(signed["webhook-timestamp"]));
    expect(library.sign(signed["webhook-id"] ?? "", at, body)).toBe(signed["webhook-signature"]);
  }
});

test("a job without webhooks has none in its log, and nothing in the queue", async () => {
  await using world = openWorld();
  const job = await world.submit();
  expect(await world.deliveries(job.id)).toEqual([]);
  const { body } = await world.call<{ events: object[] }>("events", {
    resource: "/v1/jobs/{jobId}/events",
    pathParameters: { jobId: job.id },
  });
  expect(body.events[0]).not.toHaveProperty("webhooks");
});

test("an endpoint is told of all jobs of its tenant that are submitted after it, of the events that it wants", async () => {
  await using receiver = await startReceiver();
  await using world = openWorld();
  const { id } = await world.addEndpoint(`${receiver.url}/all`, ["step.completed", "job.completed"]);
  const job = await world.submit();
  const deliveries = await world.late(job.id, (all) => all.length === 2 && settled(all));
  expect(deliveries.map(({ webhook, event, status }) => [webhook, event, status])).toEqual([
    [id, "step.completed", "delivered"],
    [id, "job.completed", "delivered"],
  ]);
  const told = receiver.at("/all").map(({ body }) => JSON.parse(body).type);
  expect(told.sort()).toEqual(["job.completed", "step.completed"]);
});

test("a receiver that fails is tried again by the schedule, under the same id, until it takes it", async () => {
  await using receiver = await startReceiver((response, n) => response.writeHead(n < 5 ? 500 : 200).end());
  await using world = openWorld();
  const job = await world.submit({ webhook: { url: `${receiver.url}/fails` } });
  const [delivery] = await world.late(job.id, settled, 60_000);
  expect(delivery).toMatchObject({ status: "delivered" });
  expect(delivery?.attempts.map(({ status }) => status)).toEqual([500, 500, 500, 500, 200]);
  const times = delivery?.attempts.map(({ at }) => Date.parse(at)) ?? [];
  const waits = times.slice(1).map((at, n) => (at - (times[n] ?? 0)) / 1_000);
  for (const [n, least] of [5, 300, 1_800, 7_200].entries()) {
    expect(waits[n]).toBeGreaterThanOrEqual(least);
    // A tenth more by chance, and what the test's steps of a minute add.
    expect(waits[n]).toBeLessThan(least * 1.1 + 130);
  }
  expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(await world.deadLetters()).toBe(0);
});

test("what fails ten times is a dead letter; moved back to its queue, it is sent again", async () => {
  let healthy = false;
  await using receiver = await startReceiver((response) => response.writeHead(healthy ? 200 : 503).end());
  await using world = openWorld();
  const job = await world.submit({ webhook: { url: `${receiver.url}/down` } });
  const [failed] = await world.late(job.id, settled, HOUR_MS / 4);
  expect(failed).toMatchObject({ status: "failed", reason: "10 attempts in a row have failed" });
  expect(receiver.at("/down")).toHaveLength(10);
  expect(await world.deadLetters()).toBe(1);
  const { queue } = world.embedded.runtime;
  const [letter] = await queue.deadLetters("webhooks", 10);
  if (letter === undefined) throw new Error("there must be a letter");
  healthy = true;
  // What the console of SQS does: the message as it is, back into its queue.
  await queue.defer("webhooks", letter.message, 0);
  const [delivered] = await world.late(job.id, ([one]) => one?.status === "delivered");
  expect(delivered?.attempts).toHaveLength(11);
  // A second copy of the letter does nothing more.
  await queue.defer("webhooks", letter.message, 0);
  await world.late(job.id, () => world.embedded.isIdle());
  expect(receiver.at("/down")).toHaveLength(11);
  await world.embedded.reconcile({} as never, { getRemainingTimeInMillis: () => 1_000 } as never);
  expect(await world.deadLetters()).toBe(0);
});

test("Retry-After lengthens a wait, and never shortens one", async () => {
  const asked = ["7200", "1"];
  await using receiver = await startReceiver((response, n) => {
    const retryAfter = asked[n - 1];
    if (retryAfter === undefined) response.writeHead(200).end();
    else response.writeHead(429, { "retry-after": retryAfter }).end();
  });
  await using world = openWorld();
  const job = await world.submit({ webhook: { url: `${receiver.url}/busy` } });
  const [delivery] = await world.late(job.id, settled, 60_000);
  const times = delivery?.attempts.map(({ at }) => Date.parse(at)) ?? [];
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(7_200_000);
  expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(300_000);
});

test("410 ends a job's own webhook: its later events are not sent", async () => {
  await using receiver = await startReceiver((response) => response.writeHead(410).end());
  await using world = openWorld();
  const webhook = { url: `${receiver.url}/gone`, events: ["step.dead_lettered", "job.cancelled"] };
  const job = await world.submit({ webhook }, { mode: "throws" });
  expect(await world.late(job.id, settled)).toMatchObject([{ status: "failed" }]);
  const cancel = { resource: "/v1/jobs/{jobId}/cancel", httpMethod: "POST", pathParameters: { jobId: job.id } };
  expect((await world.call("commands", cancel)).status).toBe(200);
  const deliveries = await world.late(job.id, (all) => all.length === 2 && settled(all));
  expect(deliveries[1]).toMatchObject({ event: "job.cancelled", status: "skipped", attempts: [] });
  expect(receiver.at("/gone")).toHaveLength(1);
});

test("after a 410 a resend takes the job's own webhook into use again, for its later events, too", async () => {
  await using receiver = await startReceiver((response, n) => response.writeHead(n === 1 ? 410 : 200).end());
  await using world = openWorld();
  const webhook = { url: `${receiver.url}/back`, events: ["step.dead_lettered", "job.cancelled"] };
  const job = await world.submit({ webhook }, { mode: "throws" });
  const [failed] = await world.late(job.id, settled);
  await world.late(job.id, () => world.embedded.isIdle());
  expect((await world.resend(job.id, failed?.id ?? "")).status).toBe(200);
  expect(await world.late(job.id, settled)).toMatchObject([{ status: "delivered" }]);
  const cancel = { resource: "/v1/jobs/{jobId}/cancel", httpMethod: "POST", pathParameters: { jobId: job.id } };
  expect((await world.call("commands", cancel)).status).toBe(200);
  const deliveries = await world.late(job.id, (all) => all.length === 2 && settled(all));
  expect(deliveries.map(({ status }) => status)).toEqual(["delivered", "delivered"]);
});

test("an attempt does not read what was sent of the job before", async () => {
  await using receiver = await startReceiver();
  await using world = openWorld();
  const { records } = world.embedded.runtime;
  const list = records.list.bind(records);
  const listed: string[] = [];
  // A whole key is one record.
  records.list = (owner, prefix) => {
    if ("jobId" in owner && prefix.endsWith("#")) listed.push(prefix);
    return list(owner, prefix);
  };
  await world.submit({ webhook: { url: `${receiver.url}/own`, events: ["step.completed", "job.completed"] } });
  while (receiver.at("/own").length < 2) {
    if (world.embedded.isIdle()) await world.clock.advance(1_000);
    await pause(1);
  }
  expect(listed).toEqual([]);
});

test("410 disables an endpoint; enabling takes it into use again", async () => {
  await using receiver = await startReceiver((response, n) => response.writeHead(n === 1 ? 410 : 200).end());
  await using world = openWorld();
  const { id } = await world.addEndpoint(`${receiver.url}/gone`);
  const first = await world.submit();
  expect(await world.late(first.id, settled)).toMatchObject([{ status: "failed", attempts: [{ status: 410 }] }]);
  await world.late(first.id, () => world.embedded.isIdle());
  const list = () =>
    world
      .call<{ endpoints: object[] }>("webhook-endpoints", { resource: "/v1/webhooks" })
      .then(({ body }) => body.endpoints);
  expect(await list()).toMatchObject([{ id, disabledBecause: expect.stringContaining("410") }]);
  const second = await world.submit();
  expect(await world.deliveries(second.id)).toEqual([]);
  expect(await world.deadLetters()).toBe(0);
  const enabled = await world.call("webhook-endpoints", {
    resource: "/v1/webhooks/{endpointId}/enable",
    httpMethod: "POST",
    pathParameters: { endpointId: id },
  });
  expect(enabled.body).not.toHaveProperty("disabledAt");
  const third = await world.submit();
  expect(await world.late(third.id, settled)).toMatchObject([{ status: "delivered" }]);
});

test("an endpoint that is deleted is sent nothing more, also of jobs that run", async () => {
  await using receiver = await startReceiver((response) => response.writeHead(500).end());
  await using world = openWorld();
  const { id } = await world.addEndpoint(`${receiver.url}/deleted`);
  const job = await world.submit();
  await world.late(job.id, ([one]) => one?.attempts.length === 1 && one.nextAt !== undefined, 1);
  const removed = await world.call("webhook-endpoints", {
    resource: "/v1/webhooks/{endpointId}",
    httpMethod: "DELETE",
    pathParameters: { endpointId: id },
  });
  expect(removed).toMatchObject({ status: 200, body: { id } });
  expect(await world.late(job.id, settled)).toMatchObject([{ status: "skipped", reason: "the endpoint was deleted" }]);
  expect(receiver.at("/deleted")).toHaveLength(1);
});

test("a webhook can be sent again by hand, under the same id; its deliveries stay on record", async () => {
  await using receiver = await startReceiver();
  await using world = openWorld();
  const job = await world.submit({ webhook: { url: `${receiver.url}/again` } });
  const [{ id = "" } = {}] = await world.late(job.id, settled);
  expect(await world.resend(job.id, id)).toMatchObject({ status: 200, body: { id, status: "pending" } });
  const [delivery] = await world.late(job.id, settled);
  expect(delivery?.attempts.map(({ attempt, status }) => [attempt, status])).toEqual([
    [1, 204],
    [2, 204],
  ]);
  const [first, second] = receiver.at("/again");
  expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
  expect(second?.body).toBe(first?.body);
});

test("announcing a job's events again sends no webhook again", async () => {
  await using receiver = await startReceiver();
  await using world = openWorld();
  const job = await world.submit({ webhook: { url: `${receiver.url}/once` } });
  await world.late(job.id, settled);
  const { body } = await world.call<{ announced: number }>("commands", {
    resource: "/v1/jobs/{jobId}/redeliver",
    httpMethod: "POST",
    pathParameters: { jobId: job.id },
  });
  expect(body.announced).toBe(2);
  await world.late(job.id, () => world.embedded.isIdle());
  expect(receiver.at("/once")).toHaveLength(1);
});

test("after a rotation both secrets sign, and a day later the new one alone", async () => {
  await using receiver = await startReceiver();
  await using world = openWorld();
  const old = await secretOf(world);
  expect(old).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const rotated = await world.call<{ secret: string; previous: { secret: string } }>("webhook-endpoints", {
    resource: "/v1/webhooks/secret/rotate",
    httpMethod: "POST",
  });
  expect(rotated.body.previous.secret).toBe(old);
  const signedBy = async (): Promise<string[]> => {
    const job = await world.submit({ webhook: { url: `${receiver.url}/rotated` } });
    await world.late(job.id, settled);
    const { headers, body = "" } = receiver.at("/rotated").at(-1) ?? {};
    const signatures = String(headers?.["webhook-signature"]).split(" ");
    const at = new Date(1_000 * Number(headers?.["webhook-timestamp"]));
    const by = [old, rotated.body.secret].filter((secret) =>
      signatures.includes(new Webhook(secret).sign(String(headers?.["webhook-id"]), at, body)),
    );
    expect(by).toHaveLength(signatures.length);
    return by;
  };
  expect(await signedBy()).toEqual([old, rotated.body.secret]);
  await world.clock.advance(24 * HOUR_MS);
  expect(await signedBy()).toEqual([rotated.body.secret]);
});

test("a result above 256 KB is left out, and links say where it is", async () => {
  await using receiver = await startReceiver();
  await using world = openWorld();
  const job = await world.submit({ webhook: { url: `${receiver.url}/large` } }, { size: 300_000 });
  await world.late(job.id, settled);
  const payload = JSON.parse(receiver.at("/large")[0]?.body ?? "");
  expect(payload.data).toEqual({
    jobId: job.id,
    tenant: "acme",
    seq: payload.data.seq,
    links: { self: `/v1/jobs/${job.id}`, events: `/v1/jobs/${job.id}/events` },
  });
});

test("a step that waits for a person is told, with what went wrong", async () => {
  await using receiver = await startReceiver();
  await using world = openWorld();
  const webhook = { url: `${receiver.url}/waits`, events: ["step.dead_lettered"] };
  const job = await world.submit({ webhook }, { mode: "throws" });
  await world.late(job.id, settled);
  expect(JSON.parse(receiver.at("/waits")[0]?.body ?? "")).toMatchObject({
    type: "step.dead_lettered",
    data: { stepId: "only", capability: "only", error: { message: "no luck" } },
  });
});
