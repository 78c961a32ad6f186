import type { IncomingMessage } from "node:http";
import { bearerKeyOf, type Keys } from "../../lambdas/authorizer/keys.ts";
import type { Cors } from "../contract/cors.ts";
import type { JobId, TenantId } from "../contract/ids.ts";
import { ProblemError } from "../contract/problem.ts";
import type { Route } from "../contract/routes.ts";
import { TICKET_PARAMETER } from "../contract/tickets.ts";
import { admitReader, admitSocket, type TicketDeps } from "../core/tickets.ts";
import { isAllowedOrigin } from "./allowed-origin.ts";
import { checkLocalCaller } from "./local-caller.ts";
import { localTenant } from "./options.ts";

export interface CallersProps extends TicketDeps {
  /** Without keys, only what {@link checkLocalCaller} lets through is served, and `x-tenant-id` says whose it is. */
  readonly keys: Keys | undefined;
  readonly cors: Cors | undefined;
}

/** Whose a connection is, and, with a ticket, for which job. */
export interface SocketCaller {
  readonly tenant: TenantId;
  readonly jobId?: JobId;
}

export interface Asked {
  readonly route: Route;
  readonly url: URL;
  readonly parameters: Readonly<Record<string, string | undefined>>;
}

/** Who calls this server: by key, by ticket, or, while there are no keys, by word. Throws a `ProblemError` for who must not. */
export class Callers {
  readonly #props: CallersProps;

  constructor(props: CallersProps) {
    this.#props = props;
  }

  /** Before anything else is looked at: throws for what a web page must not send. */
  check(request: IncomingMessage): void {
    const { keys, cors } = this.#props;
    if (keys === undefined) checkLocalCaller(request, cors);
  }

  /** Undefined: the route is open to everybody. */
  async ofRequest(request: IncomingMessage, { route, url, parameters }: Asked): Promise<TenantId | undefined> {
    if (route.public) return undefined;
    const ticket = route.takesTickets ? this.#ticketOf(request, url) : undefined;
    if (ticket === undefined) return this.#tenantOf(request);
    return (await admitReader(ticket, parameters.jobId ?? "", this.#props)).tenant;
  }

  /** Browsers let every page open a WebSocket, and send it no word of what they think of it but the page's origin. */
  async ofSocket(request: IncomingMessage, url: URL): Promise<SocketCaller> {
    const { keys, cors } = this.#props;
    this.check(request);
    if (!isAllowedOrigin(request, { cors, keyless: keys === undefined })) {
      throw new ProblemError({
        title: "Foreign page",
        status: 403,
        detail: `pages of ${JSON.stringify(request.headers.origin)} may not connect here`,
      });
    }
    const ticket = this.#ticketOf(request, url);
    if (ticket === undefined) return { tenant: this.#tenantOf(request) };
    const { tenant, jobId } = await admitSocket(ticket, this.#props);
    return { tenant, jobId };
  }

  /** Whoever sends a key is judged by it. */
  #ticketOf({ headers }: IncomingMessage, url: URL): string | undefined {
    if (this.#props.keys !== undefined && bearerKeyOf(headers.authorization) !== undefined) return undefined;
    return url.searchParams.get(TICKET_PARAMETER) ?? undefined;
  }

  #tenantOf({ headers }: IncomingMessage): TenantId {
    const { keys } = this.#props;
    if (keys === undefined) return tenantByWord(headers["x-tenant-id"]);
    const tenant = keys.tenantOf(headers.authorization);
    if (tenant !== undefined) return tenant;
    throw new ProblemError(
      { title: "Unauthorized", status: 401, detail: "a valid key is needed: Authorization: Bearer KEY" },
      { "www-authenticate": "Bearer" },
    );
  }
}

function tenantByWord(header: string | string[] | undefined): TenantId {
  try {
    return localTenant(Array.isArray(header) ? header.join(",") : header);
  } catch (error) {
    const { message } = error as Error;
    const errors = [{ path: "x-tenant-id", message }];
    throw new ProblemError({ title: "Invalid request", status: 400, detail: message, errors });
  }
}
