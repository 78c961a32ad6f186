import authorizerEvent from "../../../lambdas/authorizer/event.json" with { type: "json" };
import type { TicketView } from "../../../src/contract/tickets.ts";
import type { LocalStack } from "./local-stack.ts";

const TENANT = "acme";
const POLL_MS = 50;

interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly jobId?: string;
  readonly event?: { readonly jobId: string };
}

/** Somebody who has connected by WebSocket, without a socket: frames go to the function, and come by the management API. */
export interface Watcher {
  /** Resolves when a frame has come that is as wanted. */
  told(wanted: (frame: Frame) => boolean): Promise<void>;
  say(message: object | string, isBase64Encoded?: boolean): Promise<void>;
  /** Resolves when the server has closed it. */
  closed(): Promise<void>;
  disconnect(): Promise<void>;
}

/** Connections of the WebSocket API of a local stack, and who sends to them. */
export class LiveChannels {
  readonly #stack: LocalStack;
  readonly #socket: Awaited<ReturnType<LocalStack["start"]>>;

  private constructor(stack: LocalStack, socket: Awaited<ReturnType<LocalStack["start"]>>) {
    this.#stack = stack;
    this.#socket = socket;
  }

  static async start(stack: LocalStack): Promise<LiveChannels> {
    await stack.startDelivery();
    return new LiveChannels(stack, await stack.start("Sluice/Sockets/Socket"));
  }

  async connect(connectionId: string): Promise<Watcher> {
    const call = (routeKey: string, more: object = {}): Promise<unknown> =>
      this.#socket.invoke({
        requestContext: { connectionId, routeKey, authorizer: { tenant: TENANT } },
        isBase64Encoded: false,
        ...more,
      });
    await call("$connect", { headers: { "Sec-WebSocket-Protocol": "sluice.v1" } });
    return {
      told: async (wanted) => {
        const frames = () => this.#stack.connections.framesOf(connectionId) as readonly Frame[];
        while (!frames().some(wanted)) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      },
      closed: async () => {
        const { connections } = this.#stack;
        while (!connections.isGone(connectionId)) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      },
      say: async (message, isBase64Encoded = false) => {
        const body = typeof message === "string" ? message : JSON.stringify(message);
        await call("$default", { body, isBase64Encoded });
      },
      disconnect: async () => {
        await call("$disconnect");
      },
    };
  }
}

/** A ticket is given out, reads a job's events and opens a WebSocket. */
export async function useTickets(stack: LocalStack, jobId: string): Promise<void> {
  const [tickets, authorizer] = [
    await stack.start("Sluice/Api/Tickets"),
    await stack.start("Sluice/Api/AuthorizerFunction"),
  ];
  const answer = (await tickets.invoke({
    resource: "/v1/tickets",
    path: "/v1/tickets",
    httpMethod: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jobId }),
    requestContext: { requestId: "test", authorizer: { tenant: TENANT } },
  })) as { readonly statusCode: number; readonly body: string };
  if (answer.statusCode !== 201) throw new Error(`no ticket was given out: ${answer.statusCode} ${answer.body}`);
  const { ticket } = JSON.parse(answer.body) as TicketView;
  const resource = "/v1/jobs/{jobId}/events";
  const asked = { ...authorizerEvent, headers: {}, queryStringParameters: { ticket } };
  await authorizer.invoke({ ...asked, resource, path: resource, pathParameters: { jobId } });
  await authorizer.invoke({ ...asked, requestContext: { eventType: "CONNECT" } });
}
