import { isJobId, isTenantId, type JobId, type TenantId } from "../../src/contract/ids.ts";
import { SOCKET_PROTOCOL } from "../../src/contract/socket.ts";
import { headerOf } from "../header-of.ts";
import { receive, type SocketDeps } from "./socket.ts";

/** What is read of API Gateway's event of a WebSocket API; only that of `$connect` has headers (docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html). */
export interface SocketEvent {
  readonly requestContext: {
    readonly connectionId: string;
    readonly routeKey: string;
    /** From the authorizer. `jobId`: a ticket's. */
    readonly authorizer?: { readonly tenant?: string; readonly jobId?: string };
  };
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}

export type SocketHandler = (event: SocketEvent) => Promise<SocketResult>;

export interface SocketResult {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Longer than API Gateway keeps any connection: 2 hours. */
const CONNECTION_MS = 7_800_000;

/** Serves the routes `$connect`, `$disconnect` and `$default` of a WebSocket API. */
export function createHandler(deps: SocketDeps): SocketHandler {
  return async ({ requestContext, headers, body = "", isBase64Encoded }) => {
    const { connectionId, routeKey, authorizer } = requestContext;
    switch (routeKey) {
      case "$connect": {
        if (!offered(headers).includes(SOCKET_PROTOCOL)) return { statusCode: 400 };
        const { tenant, jobId } = authorizer ?? {};
        if (tenant === undefined || !isTenantId(tenant)) return { statusCode: 401 };
        await deps.subscribers.connect({
          id: connectionId,
          tenant: tenant as TenantId,
          ...(jobId !== undefined && isJobId(jobId) ? { jobId: jobId as JobId } : {}),
          expiresMs: deps.clock.now() + CONNECTION_MS,
        });
        return { statusCode: 200, headers: { "sec-websocket-protocol": SOCKET_PROTOCOL } };
      }
      case "$disconnect":
        await deps.subscribers.disconnect(connectionId);
        return { statusCode: 200 };
      default:
        await receive({ connectionId, text: body, isBinary: isBase64Encoded }, deps);
        return { statusCode: 200 };
    }
  };
}

/** The subprotocols that the client offers (RFC 6455, section 4.1). */
const offered = (headers: SocketEvent["headers"]): string[] =>
  headerOf(headers, "sec-websocket-protocol")
    ?.split(",")
    .map((each) => each.trim()) ?? [];
