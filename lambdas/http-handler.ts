import middy from "@middy/core";
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from "aws-lambda";
import { z } from "zod";
import { MAX_BODY_BYTES } from "../src/contract/api.ts";
import { isTenantId, type TenantId } from "../src/contract/ids.ts";
import { isDeeperThan, MAX_JSON_DEPTH } from "../src/contract/json.ts";
import { ProblemError, type Violation, violations } from "../src/contract/problem.ts";
import type { Route } from "../src/contract/routes.ts";
import type { Runtime } from "../src/core/runtime.ts";
import { flushing } from "./flushing.ts";
import { problemResponses } from "./problem-responses.ts";

export type HttpHandler = (event: APIGatewayProxyEvent, context: Context) => Promise<APIGatewayProxyResult>;

/** A request after every check that its route asks for. */
export interface CheckedRequest<R extends Route> {
  /** From the authorizer's context, never from anything that the caller sends. */
  readonly tenant: TenantId;
  readonly parameters: { readonly [K in keyof R["parameters"]]: z.output<R["parameters"][K]> };
  readonly query: z.output<R["query"]>;
  readonly headers: { readonly [K in keyof R["headers"]]: z.output<R["headers"][K]> };
  readonly body: R["body"] extends z.ZodType ? z.output<R["body"]> : undefined;
  /** What callers put before a route's path: the stage of API Gateway, or what a domain of one's own maps; "" here. */
  readonly basePath: string;
  /** W3C Trace Context, if the caller sent one. */
  readonly traceparent: string | undefined;
}

/** What every route's handler needs besides its use case. */
export type HttpDeps = Pick<Runtime, "logger"> & Partial<Pick<Runtime, "metrics">>;

export interface Reply {
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A Lambda handler for one route (API Gateway REST proxy event): check, call, map. */
export function httpHandler<const R extends Route>(
  route: R,
  respond: (request: CheckedRequest<R>) => Promise<Reply> | Reply,
  { logger, metrics }: HttpDeps,
): HttpHandler {
  return middy<APIGatewayProxyEvent, APIGatewayProxyResult>()
    .use(flushing(metrics))
    .use(problemResponses(logger))
    .handler(async (event) => {
      const { body, headers } = await respond(check(route, event));
      return {
        statusCode: route.success.status,
        headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
        body: JSON.stringify(body),
      };
    });
}

function check<R extends Route>(route: R, event: APIGatewayProxyEvent): CheckedRequest<R> {
  const wrong: Violation[] = [];
  const sent = lowerCased(event.headers);
  const parameters = parseEach(route.parameters, event.pathParameters ?? {}, wrong);
  const query = parseQuery(route, event, wrong);
  const headers = parseEach(route.headers, sent, wrong, (name) => name.toLowerCase());
  if (wrong.length > 0) {
    throw new ProblemError({
      title: "Invalid request",
      status: 400,
      detail: wrong.map(({ path, message }) => `${path}: ${message}`).join("; "),
      errors: wrong,
    });
  }
  const checked = {
    tenant: tenantOf(event, route),
    parameters,
    query,
    headers,
    body: route.body ? bodyOf(route.body, route, event, sent["content-type"] ?? "") : undefined,
    basePath: basePathOf(route, event),
    traceparent: traceparentOf(sent.traceparent),
  };
  return checked as unknown as CheckedRequest<R>;
}

function tenantOf(event: APIGatewayProxyEvent, route: Route): TenantId {
  const tenant: unknown = event.requestContext.authorizer?.tenant;
  if (typeof tenant === "string" && isTenantId(tenant)) return tenant;
  if (route.public) return "public" as TenantId;
  throw new ProblemError({ title: "Unauthorized", status: 401, detail: "a key is needed: Authorization: Bearer KEY" });
}

/**
 * `requestContext.path` is what the caller asked for: its end is the route's path. `path` does not tell: behind a domain of
 * one's own it has the mapped base path, too, behind API Gateway's own it has no stage.
 */
function basePathOf({ path }: Route, { requestContext }: APIGatewayProxyEvent): string {
  const asked = (requestContext.path ?? "").replace(/\/$/, "");
  const segments = path.split("/").length - 1;
  return asked.split("/").slice(0, -segments).join("/");
}

function parseEach(
  schemas: Readonly<Record<string, z.ZodType>>,
  values: Readonly<Record<string, string | undefined>>,
  wrong: Violation[],
  key: (name: string) => string = (name) => name,
): Record<string, unknown> {
  const parsed: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const result = schema.safeParse(values[key(name)]);
    if (result.success) parsed[name] = result.data;
    else wrong.push(...result.error.issues.map(({ message }) => ({ path: name, message })));
  }
  return parsed;
}

function parseQuery(route: Route, event: APIGatewayProxyEvent, wrong: Violation[]): unknown {
  for (const [name, values] of Object.entries(event.multiValueQueryStringParameters ?? {})) {
    if ((values?.length ?? 0) > 1) wrong.push({ path: name, message: `given ${values?.length} times; allowed once` });
  }
  const result = route.query.safeParse(event.queryStringParameters ?? {});
  if (result.success) return result.data;
  const known = Object.keys(route.query.shape);
  for (const issue of result.error.issues) {
    if (issue.code !== "unrecognized_keys") {
      wrong.push({ path: issue.path.join("."), message: issue.message });
      continue;
    }
    const allowed = known.length > 0 ? `allowed: ${known.join(", ")}` : "none is allowed here";
    for (const name of issue.keys)
      wrong.push({ path: name, message: `is no query parameter of this route; ${allowed}` });
  }
  return undefined;
}

function bodyOf(schema: z.ZodType, { bodyOptional }: Route, event: APIGatewayProxyEvent, type: string): unknown {
  const empty = (event.body ?? "") === "" && bodyOptional === true;
  return empty ? schema.parse({}) : parseBody(schema, event, type);
}

function parseBody(schema: z.ZodType, event: APIGatewayProxyEvent, type: string): unknown {
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new ProblemError({
      title: "Unsupported media type",
      status: 415,
      detail: `the body must be application/json; got ${type === "" ? "no Content-Type" : JSON.stringify(type)}`,
    });
  }
  const raw = event.body ?? "";
  const text = event.isBase64Encoded ? Buffer.from(raw, "base64").toString("utf8") : raw;
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BODY_BYTES) {
    throw new ProblemError({
      title: "Content too large",
      status: 413,
      detail: `the body has ${bytes} bytes; at most ${MAX_BODY_BYTES} are allowed`,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ProblemError({
      title: "Invalid JSON",
      status: 400,
      detail: `the body is not JSON: ${(error as Error).message}`,
    });
  }
  if (isDeeperThan(value, MAX_JSON_DEPTH)) {
    throw new ProblemError({
      title: "Invalid JSON",
      status: 400,
      detail: `the body is nested more than ${MAX_JSON_DEPTH} levels deep`,
    });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ProblemError({
    title: "Invalid request",
    status: 400,
    detail: z.prettifyError(result.error),
    errors: violations(result.error),
  });
}

/** An invalid trace context is left out, as the W3C recommendation asks (w3.org/TR/trace-context/#traceparent-header). */
function traceparentOf(header: string | undefined): string | undefined {
  return header !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(header) ? header : undefined;
}

function lowerCased(headers: APIGatewayProxyEvent["headers"] | null): Record<string, string | undefined> {
  const lower: Record<string, string | undefined> = {};
  for (const name in headers) lower[name.toLowerCase()] = headers[name];
  return lower;
}
