import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { APIGatewayProxyEvent } from "aws-lambda";
import createRouter, { type HTTPMethod } from "find-my-way";
import { errorKeys } from "../../lambdas/error-keys.ts";
import type { HttpHandler, HttpResult } from "../../lambdas/http-handler.ts";
import { problemOf, problemResponse } from "../../lambdas/problem-responses.ts";
import { addCors } from "../../lambdas/with-cors.ts";
import { writeStream } from "../../lambdas/write-stream.ts";
import { MAX_BODY_BYTES } from "../contract/api.ts";
import { type Cors, preflightHeaders } from "../contract/cors.ts";
import type { TenantId } from "../contract/ids.ts";
import { ProblemError } from "../contract/problem.ts";
import { allRoutes, type Route } from "../contract/routes.ts";
import type { Clock } from "../core/ports.ts";
import type { Logger } from "../core/runtime.ts";
import type { Callers } from "./callers.ts";
import { FairGate } from "./fair-gate.ts";
import { lambdaContext } from "./lambda-context.ts";

export interface HttpServerOptions {
  readonly handlers: Readonly<Record<Route["lambda"], HttpHandler>>;
  readonly callers: Callers;
  /** Pages of which origins may call. */
  readonly cors: Cors | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface HttpFront {
  readonly server: Server;
  /** Takes no more connections, and ends what streams or waits with what there is. Resolves when that is out, or soon. */
  end(): Promise<void>;
  /** Cuts off whoever is still connected. Resolves when all connections are closed. */
  close(): Promise<void>;
}

/** Enough for submissions to share a sync of the disk, few enough that steps get their turn between them. */
const SUBMITS_AT_ONCE = 16;

/** For how long what is sent after its answer is taken from a caller, in ms. */
const LINGER_MS = 2_000;
/** For what has been said last to readers of streams when the server ends, in ms. */
const LAST_WORDS_MS = 1_000;

/** Serves the routes by calling their handlers with API Gateway's event shape (a REST API's proxy integration). */
export function httpServer({ handlers, callers, cors, logger, clock }: HttpServerOptions): HttpFront {
  const gate = new FairGate(SUBMITS_AT_ONCE);
  const router = createRouter({ ignoreTrailingSlash: false, maxParamLength: 500 });
  for (const route of allRoutes) {
    router.on(route.method, route.path.replaceAll(/\{(\w+)\}/g, ":$1"), () => {}, route);
  }

  async function serve(request: IncomingMessage): Promise<HttpResult> {
    const requestId = randomUUID();
    try {
      const url = targetOf(request.url ?? "/");
      callers.check(request);
      const methods = request.method === "OPTIONS" && cors !== undefined ? methodsOf(router, url.pathname) : [];
      if (cors !== undefined && methods.length > 0) return preflight(cors, methods);
      const found = router.find(request.method as HTTPMethod, url.pathname);
      if (found === null) throw notFound(router, request.method ?? "", url.pathname);
      const route = found.store as Route;
      const tenant = await callers.ofRequest(request, { route, url, parameters: found.params });
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

  /** What streams or waits, and what ends it. */
  const open = new Map<AbortController, Promise<void>>();
  let ended = false;

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const result = addCors(await serve(request), cors, request.headers.origin);
    if (result.stream === undefined && result.later === undefined) return send(request, response, result);
    const ending = new AbortController();
    const abort = (): void => ending.abort();
    response.once("close", abort);
    if (response.closed || ended) abort();
    const sent = goOn(request, response, result, ending.signal);
    open.set(ending, sent);
    try {
      await sent;
    } finally {
      response.off("close", abort);
      open.delete(ending);
    }
  }

  async function goOn(
    request: IncomingMessage,
    response: ServerResponse,
    result: HttpResult,
    signal: AbortSignal,
  ): Promise<void> {
    if (result.stream === undefined) return send(request, response, (await result.later?.(signal)) ?? result);
    response.writeHead(result.statusCode, result.headers as Record<string, string>);
    const end = await writeStream(result.stream(signal), response, clock);
    if (end === "stalled") logger.info("a reader was cut off that did not take its bytes", {});
    if (!response.writableFinished && !response.closed) await new Promise((resolve) => response.once("close", resolve));
  }

  const server = createServer({ maxHeaderSize: 32_768, requestTimeout: 30_000 }, (request, response) => {
    respond(request, response).catch((error: unknown) => logger.error("response failed", errorKeys(error)));
  });
  let closed: Promise<void> | undefined;
  return {
    server,
    async end() {
      ended = true;
      closed = new Promise((resolve) => server.close(() => resolve()));
      for (const ending of open.keys()) ending.abort();
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, LAST_WORDS_MS);
      await Promise.race([Promise.allSettled(open.values()), late.promise]);
      clearTimeout(timer);
    },
    async close() {
      server.closeAllConnections();
      await closed;
    },
  };
}

async function send(request: IncomingMessage, response: ServerResponse, result: HttpResult): Promise<void> {
  const body = Buffer.from(result.body);
  // A 204 must not say how long it is (RFC 9110, section 8.6).
  const length = result.statusCode === 204 ? {} : { "content-length": String(body.length) };
  const headers = { ...(result.headers as Record<string, string>), ...length };
  if (request.complete) {
    response.writeHead(result.statusCode, headers).end(request.method === "HEAD" ? undefined : body);
    return;
  }
  // A body that nobody read would be taken for the next request.
  response.writeHead(result.statusCode, { ...headers, connection: "close" }).write(body);
  await dropRest(request);
  response.end();
}

/**
 * Takes what a caller still sends, for a while: a connection that is closed before is reset, and with it the answer that the caller
 * has not read yet (RFC 9112, section 9.6).
 */
async function dropRest(request: IncomingMessage): Promise<void> {
  request.resume();
  const signal = AbortSignal.timeout(LINGER_MS);
  await Promise.race([once(request, "end", { signal }), once(request, "close", { signal })]).catch(() => {});
}

/** The request target in origin or absolute form (RFC 9112, section 3.2); only its path and query count. */
function targetOf(target: string): URL {
  const url = URL.parse(target.startsWith("/") ? `http://localhost${target}` : target);
  if (url !== null) return url;
  const detail = `the request target must be a path or a URL; got ${JSON.stringify(target)}`;
  throw new ProblemError({ title: "Invalid request", status: 400, detail });
}

/** What a browser asks before a request that no form could send. */
function preflight(cors: Cors, methods: readonly string[]): HttpResult {
  return { statusCode: 204, headers: { ...preflightHeaders(cors, methods), "cache-control": "no-store" }, body: "" };
}

const methodsOf = (router: ReturnType<typeof createRouter>, path: string): string[] =>
  ["GET", "POST", "DELETE"].filter((method) => router.find(method as HTTPMethod, path) !== null);

function notFound(router: ReturnType<typeof createRouter>, method: string, path: string): ProblemError {
  const allowed = methodsOf(router, path);
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
