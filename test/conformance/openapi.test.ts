import { createConfig, lintFromString } from "@redocly/openapi-core";
import { describe, expect } from "vitest";
import type { Caller } from "./caller.ts";
import { test } from "./suite.ts";

interface Content {
  example?: unknown;
  readonly examples?: Record<string, { readonly value: unknown }>;
}
interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Record<string, Content> };
  readonly responses: Record<string, { readonly content: Record<string, Content> }>;
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

/** Puts an answer into the document as the example of what it documents for this status. */
async function note(operation: Operation | undefined, response: Response): Promise<void> {
  const type = response.headers.get("content-type")?.split(";")[0] ?? "";
  const content = operation?.responses[response.status]?.content[type];
  const documented = Object.keys(operation?.responses ?? {}).join(", ");
  if (!content) throw new Error(`${operation?.operationId}: ${response.status} ${type} is not one of ${documented}`);
  content.example = await response.json();
}

describe("the OpenAPI document", () => {
  test("documents every answer: each fits its schema", async ({ api, nobody }) => {
    const { id } = await api.run("trial", { mode: "fails-once", text: "documented" });
    const document = await documentOf(api);
    expect(document.openapi).toMatch(/^3\.1\./);
    for (const [path, operations] of Object.entries(document.paths)) {
      const place = path.slice(1).replace("{jobId}", id);
      await note(operations.get, operations.get ? await api.get(place) : await api.post({}));
      if (path === "/healthz") continue;
      await note(operations.get, await nobody.get(place));
      await note(operations.get, await api.get(`${place}?unknown=1`));
    }
    const jobs = document.paths["/v1/jobs"]?.post;
    await note(jobs, await api.post({ workflow: "echo", input: { text: 7 } }));
    await note(jobs, await api.post({ workflow: "echo", input: { text: "documented" } }));
    await note(jobs, await api.post("text", { "content-type": "text/plain" }));
    const nobodys = `v1/jobs/job_${"b".repeat(26)}`;
    await note(document.paths["/v1/jobs/{jobId}"]?.get, await api.get(nobodys));
    await note(document.paths["/v1/jobs/{jobId}/events"]?.get, await api.get(`${nobodys}/events`));
    expect(await lint(document)).toEqual([]);
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
