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

/** What a handler answers. Where that can go on, whoever called it ends it by a signal. */
export interface HttpResult extends APIGatewayProxyResult {
  /** The body, piece by piece, in place of `body`; to be iterated over once. Ends with what there is when the signal aborts. */
  readonly stream?: (signal: AbortSignal) => AsyncIterable<string>;
  /** Waits for a better answer; resolves with it, or with one as good as this when the signal aborts. Never rejects. */
  readonly later?: (signal: AbortSignal) => Promise<HttpResult>;
}

/** Changes an answer, and the better one that may come later, alike. */
export function eachAnswer(result: HttpResult, change: (answer: HttpResult) => HttpResult): HttpResult {
  const { later } = result;
  return { ...change(result), ...(later ? { later: async (signal) => eachAnswer(await later(signal), change) } : {}) };
}

export type HttpHandler = (event: APIGatewayProxyEvent, context: Context) => Promise<HttpResult>;

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
  /** The `Accept` header, "" without one. */
  readonly accept: string;
}

/** What every route's handler needs besides its use case. */
export type HttpDeps = Pick<Runtime, "logger"> & Partial<Pick<Runtime, "metrics" | "watchers">>;

export interface Reply extends Pick<HttpResult, "stream"> {
  /** @default the status of the route's success */
  readonly status?: number;
  /** As JSON. @default none */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly later?: (signal: AbortSignal) => Promise<Reply>;
}

/** A Lambda handler for one route (API Gateway REST proxy event): check, call, map. */
export function httpHandler<const R extends Route>(
  route: R,
  respond: (request: CheckedRequest<R>) => Promise<Reply> | Reply,
  { logger, ...settling }: HttpDeps,
): HttpHandler {
  return middy<APIGatewayProxyEvent, HttpResult>()
    .use(flushing(settling))
    .use(problemResponses(logger))
    .handler(async (event) => resultOf(route, await respond(check(route, event))));
}

function resultOf(route: Route, { status, body, headers, stream, later }: Reply): HttpResult {
  return {
    statusCode: status ?? route.success.status,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      "cache-control": "no-store",
      ...headers,
    },
    body: body === undefined ? "" : JSON.stringify(body),
    ...(stream ? { stream } : {}),
    ...(later ? { later: async (signal) => resultOf(route, await later(signal)) } : {}),
  };
}

function check<R extends Route>(route: R, event: APIGatewayProxyEvent): CheckedRequest<R> {
  const wrong: Violation[] = [];
  const sent = sentHeaders(event);
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
    accept: sent.accept ?? "",
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

/** Headers that are lists: a caller may send several lines of them (RFC 9110, section 5.3). */
const LISTS = ["accept", "prefer"];

/** By lower-case names. API Gateway gives the last line of each, and all lines besides. */
function sentHeaders(event: APIGatewayProxyEvent): Record<string, string | undefined> {
  const sent = lowerCased(event.headers);
  const lines = lowerCased(event.multiValueHeaders);
  for (const name of LISTS) {
    const all = lines[name];
    if (all !== undefined && all.length > 1) sent[name] = all.join(", ");
  }
  return sent;
}

function lowerCased<T>(headers: Readonly<Record<string, T>> | null | undefined): Record<string, T | undefined> {
  const lower: Record<string, T | undefined> = {};
  for (const name in headers) lower[name.toLowerCase()] = headers[name];
  return lower;
}
