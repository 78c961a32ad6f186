import { routes } from "../../src/contract/routes.ts";
import { type HttpDeps, type HttpHandler, httpHandler } from "../http-handler.ts";

export function createHandler(deps: HttpDeps): HttpHandler {
  return httpHandler(routes.health, () => ({ body: { status: "ok" } }), deps);
}
