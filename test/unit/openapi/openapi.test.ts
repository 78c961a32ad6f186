import { createConfig, lintFromString } from "@redocly/openapi-core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { openApiDocument } from "../../../lambdas/openapi/openapi.ts";
import { EventBody, type EventType } from "../../../src/contract/events.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import type { Json } from "../../../src/contract/json.ts";
import { allRoutes, type Route } from "../../../src/contract/routes.ts";
import { defineApp, defineCapability, defineWorkflow } from "../../../src/index.ts";

const Text = z.object({ text: z.string() });
const echo = defineCapability({ name: "echo", input: Text, output: Text, run: (input) => input });
const repeat = defineWorkflow({
  name: "repeat",
  input: Text,
  output: Text,
  example: { text: "again" },
  run: (job, input) => job.step("once", echo, input),
});
const app = defineApp({ workflows: [repeat], capabilities: [echo] });

type Schema = { readonly [key: string]: Json };
interface Operation {
  readonly operationId: string;
  readonly security?: readonly Json[];
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Record<string, { examples?: Record<string, { value: Json }> }> };
  readonly responses: Record<string, { content: Record<string, { schema: Schema; example?: Json }> }>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Schema> };
}

/** As readers get it. */
const document = (): Document => JSON.parse(JSON.stringify(openApiDocument(app)));

const eventsPath = "/v1/jobs/{jobId}/events";

async function lint(linted: Document): Promise<string[]> {
  const rules = { "no-invalid-media-type-examples": { severity: "error", allowAdditionalProperties: true } } as const;
  const config = await createConfig({ extends: ["recommended-strict"], rules });
  const problems = await lintFromString({ source: JSON.stringify(linted), absoluteRef: "/openapi.json", config });
  return problems.map(({ ruleId, message, location }) => `${ruleId} at ${location[0]?.pointer}: ${message}`);
}

describe("the OpenAPI document", () => {
  test("is an OpenAPI 3.1 document in which the recommended rules find nothing", async () => {
    expect(document().openapi).toBe("3.1.0");
    expect(await lint(document())).toEqual([]);
  });

  test("has every route, and no other", () => {
    const described = Object.entries(document().paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`),
    );
    const served = allRoutes.map(({ method, path, operationId }) => `${method} ${path} ${operationId}`);
    expect(described.toSorted()).toEqual(served.toSorted());
  });

  test.each(allRoutes.map((route) => [route.operationId, route] as const))(
    "describes what %s takes and answers",
    (_, route) => {
      const operation = document().paths[route.path]?.[route.method.toLowerCase()];
      const parameters = operation?.parameters?.map(({ in: place, name }) => `${place} ${name}`) ?? [];
      expect(parameters.toSorted()).toEqual(
        [
          ...Object.keys(route.parameters).map((name) => `path ${name}`),
          ...Object.keys(route.query.shape).map((name) => `query ${name}`),
          ...Object.keys(route.headers).map((name) => `header ${name}`),
        ].toSorted(),
      );
      expect(operation?.requestBody !== undefined).toBe(route.body !== undefined);
      expect(operation?.security).toEqual(securityOf(route));
      const answers = Object.keys(operation?.responses ?? {});
      expect(answers).toEqual(expect.arrayContaining([route.success.status, ...route.problems].map(String)));
      expect(answers.includes("401")).toBe(!route.public);
    },
  );

  test("forbids no field of an answer, nor of what it refers to with a description of its own", () => {
    const closed: string[] = [];
    const walk = (value: Json, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      if (!Array.isArray(value) && value.additionalProperties === false) closed.push(path);
      for (const [key, inner] of Object.entries(value)) walk(inner as Json, `${path}/${key}`);
    };
    for (const name of ["Job", "DeadLetter", "JobEvent", "Problem"]) {
      walk(document().components.schemas[name] as Json, name);
    }
    expect(closed).toEqual([]);
  });

  test("shows each workflow's example as a request", () => {
    const content = document().paths["/v1/jobs"]?.post?.requestBody?.content["application/json"];
    expect(content?.examples).toEqual({ repeat: { value: { workflow: "repeat", input: { text: "again" } } } });
  });
});

describe("the events' schema", () => {
  test("has every type of event", () => {
    const { allOf } = document().components.schemas.JobEvent as { allOf: { oneOf?: Schema[] }[] };
    const types = allOf.flatMap(({ oneOf }) => oneOf ?? []).map((schema) => constOf(schema));
    expect(types.toSorted()).toEqual(Object.keys(eventOfEachType).toSorted());
    const known = EventBody.options.map((option) => option.shape.type.value);
    expect(types.toSorted()).toEqual(known.toSorted());
  });

  test("accepts an event of each type as the API returns it", async () => {
    const events = Object.values(eventOfEachType).map((event, index) => ({ ...shared, seq: index + 1, ...event }));
    expect(await lint(withEvents({ events, next: events.length, ended: true }))).toEqual([]);
  });

  test("refuses an event of a type that there is not", async () => {
    const problems = await lint(
      withEvents({ events: [{ ...shared, seq: 1, type: "job.vanished" }], next: 1, ended: true }),
    );
    expect(problems).not.toEqual([]);
  });

  test("accepts an answer with a field that a later version adds", async () => {
    expect(await lint(withEvents({ events: [], next: 0, ended: false, added: true }))).toEqual([]);
  });
});

const time = "2030-01-01T00:00:00.000Z";
const shared = { jobId: `job_${"a".repeat(26)}` as JobId, tenant: "acme" as TenantId, time };
const step = { stepId: "once", capability: "echo", attempt: 1 };
const error = { name: "TimeoutError", message: "too slow", cause: { name: "Error", message: "no answer" } };

const eventOfEachType: { readonly [T in EventType]: Extract<EventBody, { type: T }> } = {
  "job.submitted": {
    type: "job.submitted",
    workflow: "repeat",
    input: { text: "x" },
    digest: "d",
    deadline: time,
    expires: time,
  },
  "job.completed": { type: "job.completed", output: { text: "x" } },
  "job.failed": { type: "job.failed", error },
  "job.expired": { type: "job.expired", deadline: time },
  "job.cancelled": { type: "job.cancelled", reason: "not needed" },
  "step.requested": { type: "step.requested", stepId: "once", capability: "echo", input: { text: "x" } },
  "step.started": { type: "step.started", ...step, lease: { holder: "worker", until: time } },
  "step.progress": { type: "step.progress", ...step, offset: 0, text: "x", leaseUntil: time },
  "step.completed": { type: "step.completed", ...step, result: [1, null, { text: "x" }], usage: { inputTokens: 1 } },
  "step.failed": { type: "step.failed", ...step, error, counts: true, final: false, retryAt: time },
  "step.in_doubt": { type: "step.in_doubt", ...step, policy: "rerun" },
  "step.dead_lettered": { type: "step.dead_lettered", ...step, error },
  "step.redriven": { type: "step.redriven", stepId: "once", capability: "echo", base: 1, by: "api" },
  "step.discarded": { type: "step.discarded", ...step, reason: "no use" },
  "timer.set": { type: "timer.set", timerId: "pause", fireAt: time },
  "timer.fired": { type: "timer.fired", timerId: "pause" },
  "signal.requested": { type: "signal.requested", signal: "approval" },
  "signal.received": { type: "signal.received", signal: "approval", payload: { yes: true } },
  "value.recorded": { type: "value.recorded", valueId: "now/begin", value: 0 },
};

/** The document with a page of events as an example, which the linter checks against the schema. */
function withEvents(page: object): Document {
  const example = document();
  const content = example.paths[eventsPath]?.get?.responses["200"]?.content["application/json"];
  if (content === undefined) throw new Error("the document has no answer of events");
  content.example = page as Json;
  return example;
}

const constOf = (schema: Schema): string => (schema.properties as { type: { const: string } }).type.const;

/** Undefined: what the document asks for everywhere. */
const securityOf = ({ public: open, takesTickets }: Route) =>
  open ? [] : takesTickets ? [{ key: [] }, { ticket: [] }] : undefined;
