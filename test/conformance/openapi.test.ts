import { createConfig, lintFromString } from "@redocly/openapi-core";
import { describe, expect } from "vitest";
import {
  MAX_ENDPOINTS,
  type WebhookDelivery,
  WebhookDeliveryList,
  WebhookEndpoint,
  WebhookEndpointList,
} from "../../src/contract/webhooks.ts";
import type { Caller } from "./caller.ts";
import { test, unique } from "./suite.ts";

interface Content {
  examples?: Record<string, { readonly value: unknown }>;
}
interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Record<string, Content> };
  readonly responses: Record<string, { description: string; readonly content?: Record<string, Content> }>;
}
interface Document {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
}

async function documentOf(api: Caller): Promise<Document> {
  const response = await api.get("v1/openapi.json");
  expect(response.status).toBe(200);
  return (await response.json()) as Document;
}

/** What the rules of OpenAPI say of a document, its examples compared with their schemas. */
async function lint(document: Document): Promise<string[]> {
  const rules = { "no-invalid-media-type-examples": { severity: "error", allowAdditionalProperties: true } } as const;
  const config = await createConfig({ extends: ["minimal"], rules });
  const problems = await lintFromString({ source: JSON.stringify(document), absoluteRef: "/openapi.json", config });
  return problems
    .filter(({ severity }) => severity === "error")
    .map(({ ruleId, message, location }) => `${ruleId} at ${location[0]?.pointer}: ${message}`);
}

/** Puts an answer into the document as an example of what it documents for this status. */
async function note(operation: Operation, response: Response): Promise<void> {
  const type = response.headers.get("content-type")?.split(";")[0] ?? "";
  const documentedAnswer = operation.responses[response.status];
  if (response.status === 204 && documentedAnswer) {
    documentedAnswer.description += GIVEN;
    return;
  }
  const content = documentedAnswer?.content?.[type];
  const documented = Object.keys(operation.responses).join(", ");
  if (!content) throw new Error(`${operation.operationId}: ${response.status} ${type} is not one of ${documented}`);
  content.examples = {
    ...content.examples,
    [`call${unique()}`]: { value: isText(type) ? await response.text() : await response.json() },
  };
}

const isText = (type: string): boolean => type.startsWith("text/");
/** Put behind the description of an answer that has no body to be an example. */
const GIVEN = " (given)";

/** Jobs as the operations need them: one that has ended, two that wait for a person, and one for a signal. */
interface Jobs {
  readonly ended: string;
  /** Of its last event. */
  readonly seq: number;
  readonly waiting: string;
  readonly discarded: string;
  readonly signalled: string;
  /** Of the one that has ended; nobody is there to take it. */
  readonly webhook: string;
  readonly endpoint: string;
}

const NOWHERE = "https://sluice.invalid/";

const NOBODYS = `job_${"b".repeat(26)}`;
const NO_ENDPOINT = `we_${"b".repeat(26)}`;
/** What no call here brings about: a foreign web page, a method that there is not, limits that are reached, what has failed. */
const NOT_CALLED = ["403", "405", "429", "500", "503"];
const LARGE = JSON.stringify({ input: "x".repeat(1_048_576) });

/** Calls with the answers that are an operation's own. */
function* ownCalls(
  id: string,
  { ended, waiting, discarded, signalled, webhook, endpoint }: Jobs,
): Generator<Parameters<Caller["send"]>> {
  const key = { "idempotency-key": unique() };
  const echo = (text: unknown) => ({ workflow: "echo", input: { text } });
  switch (id) {
    case "submitJob":
      yield ["v1/jobs", echo("waited for"), { prefer: "wait=20" }];
      yield ["v1/jobs", echo("documented"), key];
      yield ["v1/jobs", echo("another payload"), key];
      yield ["v1/jobs", echo(7)];
      return;
    case "cancelJob":
      yield [`v1/jobs/${ended}/cancel`, { reason: "documented" }];
      return;
    case "signalJob":
      yield [`v1/jobs/${signalled}/signals/approval`, { payload: { by: 7 } }];
      yield [`v1/jobs/${signalled}/signals/approval`, { payload: { by: "documented" } }];
      yield [`v1/jobs/${signalled}/signals/approval`, { payload: { by: "another" } }];
      return;
    case "redriveJob":
      yield [`v1/jobs/${ended}/redrive`];
      yield [`v1/jobs/${waiting}/redrive`, { stepId: "only", input: { text: 7 } }];
      yield [`v1/jobs/${waiting}/redrive`, { reason: "documented" }];
      return;
    case "discardDeadLetter":
      yield [`v1/jobs/${discarded}/discard`];
      yield [`v1/jobs/${discarded}/discard`, { reason: "documented" }];
      yield [`v1/jobs/${ended}/discard`, { reason: "documented" }];
      yield [`v1/jobs/${NOBODYS}/discard`, { reason: "documented" }];
      return;
    case "redeliverJob":
      yield [`v1/jobs/${ended}/redeliver`];
      return;
    case "forkJob":
      yield [`v1/jobs/${ended}/fork`, undefined, key];
      yield [`v1/jobs/${ended}/fork`, { after: "no such step" }];
      return;
    case "redriveDeadLetters":
      yield ["v1/dead-letters/redrive", { error: unique() }];
      return;
    case "addWebhookEndpoint":
      // With the one that is there, one too many.
      for (let n = 1; n <= MAX_ENDPOINTS; n++) yield ["v1/webhooks", { url: NOWHERE, events: ["job.expired"] }];
      return;
    case "createTicket":
      yield ["v1/tickets", { jobId: ended }];
      yield ["v1/tickets", { jobId: NOBODYS }];
      return;
    case "enableWebhookEndpoint":
      yield [`v1/webhooks/${endpoint}/enable`];
      return;
    case "rotateWebhookSecret":
      yield ["v1/webhooks/secret/rotate"];
      return;
    case "resendWebhook":
      yield [`v1/jobs/${ended}/webhooks/${webhook}/resend`];
      return;
    default:
      throw new Error(`no call of ${id} is documented here`);
  }
}

async function deliveriesOf(api: Caller, jobId: string): Promise<WebhookDelivery[]> {
  const response = await api.get(`v1/jobs/${jobId}/webhooks`);
  return WebhookDeliveryList.parse(await response.json()).deliveries;
}

async function endpointsOf(api: Caller): Promise<WebhookEndpoint[]> {
  return WebhookEndpointList.parse(await (await api.get("v1/webhooks")).json()).endpoints;
}

async function addEndpoint(api: Caller): Promise<string> {
  const response = await api.send("v1/webhooks", { url: NOWHERE, events: ["job.expired"] });
  return WebhookEndpoint.parse(await response.json()).id;
}

/** Calls for the answers that many operations share, and then for those that are its own. */
async function callAll(
  { path, method, operation }: { path: string; method: string; operation: Operation },
  jobs: Jobs,
  { api, nobody }: { api: Caller; nobody: Caller },
): Promise<void> {
  const place = path.slice(1);
  const of = (id: string, endpoint: string): string =>
    place
      .replace("{jobId}", id)
      .replace("{name}", "approval")
      .replace("{webhookId}", jobs.webhook)
      .replace("{endpointId}", endpoint);
  const known = of(jobs.ended, jobs.endpoint);
  const call = (caller: Caller, where: string): Promise<Response> =>
    method === "post" ? caller.send(where, {}) : caller.call(where, { method: method.toUpperCase() });
  await note(operation, await call(api, `${known}?unknown=1`));
  if ("401" in operation.responses) await note(operation, await call(nobody, known));
  if ("404" in operation.responses) await note(operation, await call(api, of(NOBODYS, NO_ENDPOINT)));
  if ("413" in operation.responses) await note(operation, await api.send(known, LARGE));
  if ("415" in operation.responses) {
    await note(operation, await api.send(known, "text", { "content-type": "text/plain" }));
  }
  if (operation.operationId === "getJobEvents") {
    const accept = "text/event-stream";
    await note(operation, await api.get(known, { accept }));
    await note(operation, await api.get(known, { accept, "last-event-id": String(jobs.seq) }));
  }
  if (method !== "post") return note(operation, await call(api, known));
  for (const own of ownCalls(operation.operationId, jobs)) await note(operation, await api.send(...own));
}

describe("the OpenAPI document", () => {
  test("documents every answer: each is given, and fits its schema", async ({ api, nobody }) => {
    const waits = { mode: "pays-and-fails", text: "documented" };
    const [ended, waiting, discarded, signalled] = await Promise.all([
      api.run("trial", { mode: "streams", text: "documented" }, { webhook: { url: NOWHERE } }),
      api.run("trial", waits),
      api.run("trial", waits),
      api.submit("trial", { mode: "is-signalled", text: "documented" }),
    ]);
    const [webhook] = await api.late(
      "its delivery",
      () => deliveriesOf(api, ended.id),
      (all) => all.length > 0,
    );
    const endpoint = await addEndpoint(api);
    const jobs = {
      ended: ended.id,
      seq: ended.seq,
      waiting: waiting.id,
      discarded: discarded.id,
      signalled: signalled.id,
      webhook: webhook?.id ?? "",
      endpoint,
    };
    await api.late(
      "the dead letters",
      () => api.deadLetters(),
      ({ deadLetters }) => deadLetters.length > 0,
    );
    const document = await documentOf(api);
    expect(document.openapi).toMatch(/^3\.1\./);
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        await callAll({ path, method, operation }, jobs, { api, nobody });
        const missing = Object.entries(operation.responses)
          .filter(([, { content, description }]) => {
            const unlike = Object.values(content ?? {}).filter(({ examples }) => examples === undefined);
            return content === undefined ? !description.endsWith(GIVEN) : unlike.length > 0;
          })
          .map(([status]) => status);
        expect(missing, operation.operationId).toEqual(NOT_CALLED.filter((status) => missing.includes(status)));
      }
    }
    expect(await lint(document)).toEqual([]);
    for (const { id, url } of await endpointsOf(api)) {
      if (url === NOWHERE) await api.call(`v1/webhooks/${id}`, { method: "DELETE" });
    }
  });

  test("has examples of submissions that are accepted", async ({ api }) => {
    const submit = (await documentOf(api)).paths["/v1/jobs"]?.post;
    const examples = Object.entries(submit?.requestBody?.content["application/json"]?.examples ?? {});
    expect(examples.map(([name]) => name).toSorted()).toEqual(["analysis", "echo", "trial"]);
    for (const [, { value }] of examples) expect((await api.post(value)).status).toBe(202);
  });

  test("names the server from which its paths lead to the API", async ({ api }) => {
    const response = await api.get("v1/openapi.json");
    const { servers, paths } = (await response.json()) as Document;
    const base = new URL(servers[0]?.url ?? "", response.url).href.replace(/\/$/, "");
    expect(Object.keys(paths)).toContain("/v1/capabilities");
    expect((await api.get(`${base}/v1/capabilities`)).status).toBe(200);
  });
});
