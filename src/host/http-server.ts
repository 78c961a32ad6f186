import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from "aws-lambda";
import createRouter, { type HTTPMethod } from "find-my-way";
import type { Keys } from "../../lambdas/authorizer/keys.ts";
import { errorKeys } from "../../lambdas/error-keys.ts";
import type { HttpHandler } from "../../lambdas/http-handler.ts";
import { problemOf, problemResponse } from "../../lambdas/problem-responses.ts";
import { MAX_BODY_BYTES } from "../contract/api.ts";
import type { TenantId } from "../contract/ids.ts";
import { ProblemError } from "../contract/problem.ts";
import { allRoutes, type Route } from "../contract/routes.ts";
import type { Logger } from "../core/runtime.ts";
import { FairGate } from "./fair-gate.ts";
import { lambdaContext } from "./lambda-context.ts";
import { checkLocalCaller } from "./local-caller.ts";
import { localTenant } from "./options.ts";

export interface HttpServerOptions {
  readonly handlers: Readonly<Record<Route["lambda"], HttpHandler>>;
  /** Without keys, only what {@link checkLocalCaller} lets through is served, and `x-tenant-id` says whose it is. */
  readonly keys: Keys | undefined;
  readonly logger: Logger;
}

/**
 * Enough for submissions to share a sync of the disk, few enough that steps get their turn between them. An answer that
 * waits for a job's end must not hold one of these places.
 */
const SUBMITS_AT_ONCE = 16;

/** Serves the routes by calling their handlers with API Gateway's event shape (a REST API's proxy integration). */
export function httpServer({ handlers, keys, logger }: HttpServerOptions): Server {
  const gate = new FairGate(SUBMITS_AT_ONCE);
  const router = createRouter({ ignoreTrailingSlash: false, maxParamLength: 500 });
  for (const route of allRoutes) {
    router.on(route.method, route.path.replaceAll(/\{(\w+)\}/g, ":$1"), () => {}, route);
  }

  async function serve(request: IncomingMessage): Promise<APIGatewayProxyResult> {
    const requestId = randomUUID();
    try {
      const url = targetOf(request.url ?? "/");
      if (keys === undefined) checkLocalCaller(request);
      const found = router.find(request.method as HTTPMethod, url.pathname);
      if (found === null) throw notFound(router, request.method ?? "", url.pathname);
      const route = found.store as Route;
      const tenant = tenantOf(request, route, keys);
      const body = await bodyOf(request);
      const event = proxyEvent(request, url, route, found.params, tenant, body, requestId);
      const handle = () => handlers[route.lambda](event, lambdaContext(route.lambda, requestId, 29_000));
      return await (route.lambda === "submit" ? gate.pass(tenant ?? "", handle) : handle());
    } catch (error) {
      const { problem, headers } = problemOf(error);
      if (problem.status >= 500) {
        logger.error("request failed", { requestId, ...errorKeys(error) });
      }
      return problemResponse({ ...problem, requestId }, headers);
    }
  }

  return createServer({ maxHeaderSize: 32_768, requestTimeout: 30_000 }, (request, response) => {
    serve(request).then(
      (result) => send(request, response, result),
      (error: unknown) => logger.error("response failed", errorKeys(error)),
    );
  });
}

function send(request: IncomingMessage, response: ServerResponse, result: APIGatewayProxyResult): void {
  const body = Buffer.from(result.body);
  const headers = { ...(result.headers as Record<string, string>), "content-length": String(body.length) };
  // A body that nobody read would be taken for the next request.
  response.writeHead(result.statusCode, request.complete ? headers : { ...headers, connection: "close" });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** The request target in origin or absolute form (RFC 9112, section 3.2); only its path and query count. */
function targetOf(target: string): URL {
  const url = URL.parse(target.startsWith("/") ? `http://localhost${target}` : target);
  if (url !== null) return url;
  const detail = `the request target must be a path or a URL; got ${JSON.stringify(target)}`;
  throw new ProblemError({ title: "Invalid request", status: 400, detail });
}

function tenantOf(request: IncomingMessage, route: Route, keys: Keys | undefined): TenantId | undefined {
  if (route.public) return undefined;
  if (keys === undefined) {
    try {
      const header = request.headers["x-tenant-id"];
      return localTenant(Array.isArray(header) ? header.join(",") : header);
    } catch (error) {
      const { message } = error as Error;
      const errors = [{ path: "x-tenant-id", message }];
      throw new ProblemError({ title: "Invalid request", status: 400, detail: message, errors });
    }
  }
  const tenant = keys.tenantOf(request.headers.authorization);
  if (tenant !== undefined) return tenant;
  throw new ProblemError(
    { title: "Unauthorized", status: 401, detail: "a valid key is needed: Authorization: Bearer KEY" },
    { "www-authenticate": "Bearer" },
  );
}

function notFound(router: ReturnType<typeof createRouter>, method: string, path: string): ProblemError {
  const allowed = ["GET", "POST"].filter((other) => router.find(other as HTTPMethod, path) !== null);
  if (allowed.length > 0) {
    const allow = allowed.join(", ");
    const detail = `${path} takes ${allow}; got ${method}`;
    return new ProblemError({ title: "Method not allowed", status: 405, detail }, { allow });
  }
  const known = allRoutes.map((route) => `${route.method} ${route.path}`).join(", ");
  return new ProblemError({ title: "Not found", status: 404, detail: `there is no ${path}; known: ${known}` });
}

/** The whole body, or null. Listens to the stream itself: iterating over it costs as much as all the rest of a request. */
function bodyOf(request: IncomingMessage): Promise<string | null> | null {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  if (length === undefined && encoding === undefined) return null;
  const declared = Number(length ?? 0);
  if (declared > MAX_BODY_BYTES) throw tooLarge(`${declared} bytes`);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else reject(tooLarge("more"));
    });
    request.on("end", () => resolve(bytes === 0 ? null : Buffer.concat(chunks).toString("utf8")));
    request.on("error", reject);
  });
}

const tooLarge = (got: string): ProblemError =>
  new ProblemError({
    title: "Content too large",
    status: 413,
    detail: `the body may have ${MAX_BODY_BYTES} bytes; got ${got}`,
  });

function proxyEvent(
  request: IncomingMessage,
  url: URL,
  route: Route,
  pathParameters: Readonly<Record<string, string | undefined>>,
  tenant: TenantId | undefined,
  body: string | null,
  requestId: string,
): APIGatewayProxyEvent {
  const multiple: Record<string, string[]> = {};
  for (const [name, value] of url.searchParams) {
    const values = multiple[name];
    if (values) values.push(value);
    else multiple[name] = [value];
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return {
    resource: route.path,
    path: url.pathname,
    httpMethod: route.method,
    headers,
    multiValueHeaders: {},
    queryStringParameters: Object.fromEntries(Object.entries(multiple).map(([name, values]) => [name, values.at(-1)])),
    multiValueQueryStringParameters: multiple,
    pathParameters,
    stageVariables: null,
    body,
    isBase64Encoded: false,
    requestContext: {
      requestId,
      resourcePath: route.path,
      httpMethod: route.method,
      path: url.pathname,
      stage: "local",
      authorizer: tenant === undefined ? null : { tenant },
    } as unknown as APIGatewayProxyEvent["requestContext"],
  };
}
