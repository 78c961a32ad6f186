import { routes } from "../../src/contract/routes.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type HttpHandler, httpHandler } from "../http-handler.ts";
import { getCapabilities } from "./capabilities.ts";

export function createHandler(runtime: Runtime): HttpHandler {
  return httpHandler(routes.capabilities, async () => ({ body: await getCapabilities(runtime) }), runtime);
}
