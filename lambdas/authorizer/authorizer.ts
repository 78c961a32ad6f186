import type { APIGatewayAuthorizerResult, APIGatewayRequestAuthorizerEvent } from "aws-lambda";
import { type Cors, isListed } from "../../src/contract/cors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { ProblemError } from "../../src/contract/problem.ts";
import { allRoutes } from "../../src/contract/routes.ts";
import { TICKET_PARAMETER } from "../../src/contract/tickets.ts";
import type { OpenedTicket } from "../../src/core/ports.ts";
import { admitReader, admitSocket, type TicketDeps } from "../../src/core/tickets.ts";
import { headerOf } from "../header-of.ts";
import { bearerKeyOf } from "./keys.ts";
import { KnownKeys, type KnownKeysProps } from "./known-keys.ts";

export interface AuthorizerProps extends KnownKeysProps, TicketDeps {
  /** Pages of which origins may open a WebSocket. @default none */
  readonly cors?: Cors | undefined;
}

/** What API Gateway asks: of its REST API or, when somebody connects, of its WebSocket API, whose events have no path. */
export type AuthorizerEvent = Pick<
  APIGatewayRequestAuthorizerEvent,
  "methodArn" | "headers" | "queryStringParameters"
> &
  Partial<Pick<APIGatewayRequestAuthorizerEvent, "httpMethod" | "resource" | "pathParameters">> & {
    readonly requestContext: { readonly eventType?: string };
  };

/**
 * Says whose a request is: by its bearer key or, where the route takes one, by its ticket. Whoever sends a key is judged by
 * it. Throws "Unauthorized", which API Gateway answers with 401; anything else that is thrown becomes a 500: where keys
 * cannot be read, nobody gets in
 * (docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html).
 */
export class Authorizer {
  readonly #props: AuthorizerProps;
  readonly #keys: KnownKeys;

  constructor(props: AuthorizerProps) {
    this.#props = props;
    this.#keys = new KnownKeys(props);
  }

  authorize(event: AuthorizerEvent): Promise<APIGatewayAuthorizerResult> {
    return event.requestContext.eventType === "CONNECT" ? this.#connect(event) : this.#call(event);
  }

  async #call(event: AuthorizerEvent): Promise<APIGatewayAuthorizerResult> {
    const { methodArn, pathParameters } = event;
    const authorization = headerOf(event.headers, "authorization");
    const ticket = takesTickets(event) ? ticketOf(event, authorization) : undefined;
    if (ticket !== undefined) {
      const { tenant } = await this.#admit(admitReader(ticket, pathParameters?.jobId ?? "", this.#props));
      return policy("Allow", methodArn, { tenant });
    }
    // For every method of the stage: the answer is kept for the key, and the next request may be for another route.
    const [api, stage] = methodArn.split("/");
    return policy("Allow", `${api}/${stage}/*`, { tenant: await this.#tenantOf(authorization) });
  }

  /** Browsers let every page open a WebSocket: what they would not let it read is refused here, by a 403. */
  async #connect(event: AuthorizerEvent): Promise<APIGatewayAuthorizerResult> {
    const { methodArn } = event;
    const origin = headerOf(event.headers, "origin");
    if (origin !== undefined && !isListed(this.#props.cors, origin)) return policy("Deny", methodArn);
    const authorization = headerOf(event.headers, "authorization");
    const ticket = ticketOf(event, authorization);
    if (ticket === undefined) return policy("Allow", methodArn, { tenant: await this.#tenantOf(authorization) });
    const { tenant, jobId } = await this.#admit(admitSocket(ticket, this.#props));
    return policy("Allow", methodArn, { tenant, jobId });
  }

  async #tenantOf(authorization: string | undefined): Promise<TenantId> {
    const tenant = bearerKeyOf(authorization) === undefined ? undefined : await this.#keys.tenantOf(authorization);
    return tenant ?? refuse();
  }

  async #admit(opening: Promise<OpenedTicket>): Promise<OpenedTicket> {
    try {
      return await opening;
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      // API Gateway's own answer says only that it is none that is good.
      this.#props.logger.info("ticket refused", { reason: error.message });
      return refuse();
    }
  }
}

/** This very word is what API Gateway turns into a 401. */
function refuse(): never {
  throw new Error("Unauthorized");
}

const takesTickets = ({ httpMethod, resource }: AuthorizerEvent): boolean =>
  allRoutes.some((route) => route.takesTickets && route.method === httpMethod && route.path === resource);

/** A key goes before a ticket. */
const ticketOf = ({ queryStringParameters }: AuthorizerEvent, authorization: string | undefined): string | undefined =>
  bearerKeyOf(authorization) === undefined ? queryStringParameters?.[TICKET_PARAMETER] : undefined;

function policy(
  Effect: "Allow" | "Deny",
  Resource: string,
  context: { readonly tenant?: TenantId; readonly jobId?: string } = {},
): APIGatewayAuthorizerResult {
  return {
    principalId: context.tenant ?? "nobody",
    policyDocument: { Version: "2012-10-17", Statement: [{ Action: "execute-api:Invoke", Effect, Resource }] },
    context,
  };
}
