import { z } from "zod";
import {
  createDocument,
  type ZodOpenApiObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from "zod-openapi";
import { RefusedHeaders } from "../../src/contract/api.ts";
import { EVENT_SCHEMA_VERSION } from "../../src/contract/events.ts";
import { PROBLEM_MEDIA_TYPE, Problem } from "../../src/contract/problem.ts";
import { allRoutes, type Route, routes } from "../../src/contract/routes.ts";
import { TICKET_PARAMETER } from "../../src/contract/tickets.ts";
import type { App } from "../../src/core/define-app.ts";

const PROBLEMS: Readonly<Record<number, string>> = {
  400: "The request is malformed; `errors` names every violation.",
  401: "A key, or where it says so a ticket, is needed.",
  403: "A web page of another site asked, where no key is needed.",
  404: "No such job, or not one of this tenant's.",
  405: "The path exists, the method does not; `Allow` names those that do.",
  409: "The job's state does not allow it.",
  410: "The job was deleted after its retention.",
  413: "The body is too large.",
  415: "The body is not application/json.",
  422: "The idempotency key stands for another payload, or a value is not what the capability takes.",
  429: "The tenant's limit is reached; try again after `Retry-After` seconds.",
  500: "An error of ours.",
  503: "Not now: a backlog is too long, or something that this needs does not answer. Try again after `Retry-After` seconds.",
};
/** Of what begins a job: both say when to come back. */
const REFUSALS = [429, 503];
const EVERYWHERE = [400, 401, 405, 500, 503];
/** Of what changes something. */
const FOREIGN = 403;

/** The OpenAPI 3.1 document of {@link allRoutes}, with the app's workflows as examples. */
export function openApiDocument(app: App): ReturnType<typeof createDocument> {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of allRoutes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route, app) };
  }
  const document: ZodOpenApiObject = {
    openapi: "3.1.0",
    info: {
      title: "Sluice",
      version: "1",
      "x-event-schema-version": EVENT_SCHEMA_VERSION,
      description: "Durable, event-driven jobs for slow AI work. Every error is a problem document (RFC 9457).",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: {
        key: { type: "http", scheme: "bearer" },
        ticket: { type: "apiKey", in: "query", name: TICKET_PARAMETER },
      },
    },
  };
  return createDocument(document, {
    override({ jsonSchema, io }) {
      // An answer may grow new fields. It would also forbid every event, which is an `allOf` of two closed objects.
      if (io !== "output") return;
      const { properties = {} } = jsonSchema;
      // A field with a description of its own refers to its schema, and would still forbid all of that one's fields.
      for (const schema of [jsonSchema, ...Object.values(properties)]) {
        if (typeof schema === "object" && schema.additionalProperties === false) delete schema.additionalProperties;
      }
    },
  });
}

function operationOf(route: Route, app: App): ZodOpenApiOperationObject {
  const everywhere = route.public ? EVERYWHERE.filter((code) => code !== 401) : EVERYWHERE;
  const foreign = route.method === "GET" ? [] : [FOREIGN];
  const problems = [...everywhere, ...foreign, ...route.problems].sort();
  return {
    operationId: route.operationId,
    summary: route.summary,
    tags: [route.path.includes("/webhooks") ? "webhooks" : "jobs"],
    ...(route.public ? { security: [] } : {}),
    ...(route.takesTickets ? { security: [{ key: [] }, { ticket: [] }] } : {}),
    requestParams: {
      path: z.object(route.parameters),
      query: route.query,
      header: z.object(route.headers),
    },
    ...(route.body
      ? {
          requestBody: {
            required: route.bodyOptional !== true,
            content: {
              "application/json": { schema: route.body, ...(isSubmit(route) ? { examples: examplesOf(app) } : {}) },
            },
          },
        }
      : {}),
    responses: {
      ...successesOf(route),
      ...Object.fromEntries(
        problems.map((code) => [
          code,
          {
            description: PROBLEMS[code] ?? "",
            ...(route.success.headers && REFUSALS.includes(code) ? { headers: RefusedHeaders } : {}),
            content: { [PROBLEM_MEDIA_TYPE]: { schema: Problem } },
          },
        ]),
      ),
    },
  };
}

/** Answers by their status; those of one status differ by their media type, and the last one's description tells of all. */
function successesOf({ success, asked = [] }: Route): ZodOpenApiResponsesObject {
  const responses: Record<string, ZodOpenApiResponseObject> = {};
  for (const { status, description, schema, mediaType = "application/json", headers } of [success, ...asked]) {
    const content = { ...responses[status]?.content, ...(schema ? { [mediaType]: { schema } } : {}) };
    responses[status] = {
      description,
      ...(headers ? { headers } : {}),
      ...(Object.keys(content).length > 0 ? { content } : {}),
    };
  }
  return responses as ZodOpenApiResponsesObject;
}

const isSubmit = ({ operationId }: Route): boolean => operationId === routes.submit.operationId;

const examplesOf = (app: App) =>
  Object.fromEntries(
    [...app.workflows.values()]
      .filter(({ example }) => example !== undefined)
      .map(({ name, example }) => [name, { value: { workflow: name, input: example } }]),
  );
