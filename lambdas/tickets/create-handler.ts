import { routes } from "../../src/contract/routes.ts";
import { type HttpDeps, type HttpHandler, httpHandler } from "../http-handler.ts";
import { createTicket, type TicketsDeps } from "./tickets.ts";

export function createHandler(deps: TicketsDeps & HttpDeps): HttpHandler {
  return httpHandler(
    routes.createTicket,
    async ({ tenant, body, basePath }) => {
      const { links, ...ticket } = await createTicket(tenant, body, deps);
      const { events, socket } = links;
      // The stage of the HTTP API is not in the path of a WebSocket, which has a URL of its own where there is one.
      const linked = { events: basePath + events, ...(socket === undefined ? {} : { socket }) };
      return { body: { ...ticket, links: linked } };
    },
    deps,
  );
}
