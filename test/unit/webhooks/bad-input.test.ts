import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Problem } from "../../../src/contract/problem.ts";
import { openWorld, type World } from "./webhook-world.ts";

let world: World;
beforeAll(() => {
  world = openWorld({ webhooksToLoopback: false });
});
afterAll(() => world[Symbol.asyncDispose]());

const URLS = [
  "http://example.com/hook",
  "https://user:secret@example.com/",
  "https://127.0.0.1/",
  "https://2130706433/",
  "https://169.254.169.254/latest/meta-data/",
  "https://10.1.2.3/",
  "https://[::1]/",
  "https://[::ffff:10.0.0.1]/",
  "https://[fd00:ec2::254]/",
  "https://localhost/",
  "https://a.localhost/",
  "ftp://example.com/",
  "file:///etc/passwd",
  "javascript:alert(1)",
  "//example.com/",
  "example.com",
  "",
  `https://example.com/${"x".repeat(2_000)}`,
  "https://example.com/#part",
];
const post = (resource: string, body: object) =>
  world.call<Problem>(resource === "/v1/jobs" ? "submit" : "webhook-endpoints", {
    resource,
    httpMethod: "POST",
    body: JSON.stringify(body),
  });

describe.each([
  [
    "/v1/jobs",
    "/options/webhook/url",
    (webhook: object) => ({ workflow: "flow", input: { text: "x" }, options: { webhook } }),
  ],
  ["/v1/webhooks", "/url", (webhook: object) => webhook],
] as const)("POST %s", (resource, path, body) => {
  test.each(URLS)("refuses %j with a 400 that says what was got and what is allowed", async (url) => {
    const answer = await post(resource, body({ url }));
    expect(answer.status).toBe(400);
    expect(answer.body.errors?.map((each) => each.path)).toContain(path);
  });

  test("shows no password of a URL", async () => {
    const answer = await post(resource, body({ url: "https://user:hunter2@example.com/" }));
    expect(JSON.stringify(answer.body)).not.toContain("hunter2");
  });

  test.each([[[]], [["step.progress"]], [["job.submitted"]], ["job.completed"], [[1]]])(
    "refuses the events %j",
    async (events) => {
      const answer = await post(resource, body({ url: "https://example.com/", events }));
      expect(answer.status).toBe(400);
    },
  );

  test("refuses what it does not know", async () => {
    expect((await post(resource, body({ url: "https://example.com/", secret: "mine" }))).status).toBe(400);
  });
});

test("nothing of a refused submission is kept", async () => {
  const { body } = await world.call<{ jobs: unknown[] }>("jobs", { resource: "/v1/jobs" });
  expect(body.jobs).toEqual([]);
  const listed = await world.call<{ endpoints: unknown[] }>("webhook-endpoints", { resource: "/v1/webhooks" });
  expect(listed.body.endpoints).toEqual([]);
});

test("an eleventh endpoint is a 409", async () => {
  for (let n = 0; n < 10; n++) await world.addEndpoint(`https://example.com/${n}`);
  expect(await post("/v1/webhooks", { url: "https://example.com/10" })).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("at most 10") },
  });
});

test("an endpoint that is not there is a 404, an id of another shape a 400", async () => {
  const ask = (httpMethod: string, endpointId: string, end = "") =>
    world.call<Problem>("webhook-endpoints", {
      resource: `/v1/webhooks/{endpointId}${end}`,
      httpMethod,
      pathParameters: { endpointId },
    });
  const none = `we_${"a".repeat(26)}`;
  expect((await ask("DELETE", none)).status).toBe(404);
  expect((await ask("POST", none, "/enable")).status).toBe(404);
  expect((await ask("DELETE", "we_1")).status).toBe(400);
});

test("deliveries of a job that is not there are a 404; to resend one that is not there is, too", async () => {
  const jobId = `job_${"a".repeat(26)}`;
  const list = await world.call("webhook-endpoints", {
    resource: "/v1/jobs/{jobId}/webhooks",
    pathParameters: { jobId },
  });
  expect(list.status).toBe(404);
  const job = await world.submit();
  expect((await world.resend(job.id, `msg_${job.id.slice(4)}_9_own`)).status).toBe(404);
  expect((await world.resend(job.id, "msg_1")).status).toBe(400);
});
