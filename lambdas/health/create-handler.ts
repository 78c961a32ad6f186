import { routes } from "../../src/contract/routes.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type HttpHandler, httpHandler } from "../http-handler.ts";

export function createHandler({ logger }: Pick<Runtime, "logger">): HttpHandler {
  return httpHandler(routes.health, () => ({ body: { status: "ok" } }), logger);
}
