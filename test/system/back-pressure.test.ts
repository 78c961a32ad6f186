import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { Resources } from "../../src/core/resources.ts";
import { type Embedded, startEmbedded } from "../../src/host/host.ts";
import { defineApp, defineWorkflow } from "../../src/index.ts";

const flow = defineWorkflow({ name: "flow", input: z.json(), output: z.json(), run: async (_, input) => input });
const app = defineApp({ workflows: [flow], capabilities: [], tenantLimits: { jobsPerMinute: 2 } });
const logged: string[] = [];
const note = (message: string): void => void logged.push(message);
let embedded: Embedded;
let url: string;
beforeAll(async () => {
  const logger = { debug: () => {}, info: () => {}, warn: note, error: note };
  embedded = startEmbedded({ app, resources: {} as Resources, logger, dataDir: undefined });
  url = await embedded.listen(0, "127.0.0.1");
});
afterAll(() => embedded.close());

interface Answer {
  readonly status: number;
  /** As they came over the wire, name by name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function post(path: string, body: unknown, tenant: string): Promise<Answer> {
  const headers = { "content-type": "application/json", "x-tenant-id": tenant };
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      const { statusCode: status = 0, headers } = response;
      response.on("end", () => resolve({ status, headers: headers as Record<string, string>, body: text }));
    });
    sent.on("error", reject).end(JSON.stringify(body));
  });
}

test("a caller who sends too many jobs is told so in headers that any HTTP client knows", async () => {
  const submission = { workflow: "flow", input: 1 };
  const policy = '"jobs-per-minute";q=2;w=60';
  const first = await post("/v1/jobs", submission, "acme");
  expect(first).toMatchObject({ status: 202, headers: { "ratelimit-policy": policy } });
  expect(first.headers.ratelimit).toBe('"jobs-per-minute";r=1;t=30');
  // A fork begins a job, too.
  const { id } = JSON.parse(first.body) as { id: string };
  const fork = await post(`/v1/jobs/${id}/fork`, {}, "acme");
  expect(fork).toMatchObject({ status: 202, headers: { "ratelimit-policy": policy } });
  for (const path of ["/v1/jobs", `/v1/jobs/${id}/fork`]) {
    const refused = await post(path, path.endsWith("fork") ? {} : submission, "acme");
    expect(refused).toMatchObject({
      status: 429,
      headers: { "content-type": "application/problem+json", "ratelimit-policy": policy },
    });
    const seconds = Number(refused.headers["retry-after"]);
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(30);
    expect(refused.headers.ratelimit).toBe(`"jobs-per-minute";r=0;t=${seconds}`);
    expect(JSON.parse(refused.body)).toMatchObject({ type: "/problems/too-many-jobs", status: 429 });
  }
  expect((await post("/v1/jobs", submission, "other")).status).toBe(202);
  expect(logged).toEqual([]);
});
