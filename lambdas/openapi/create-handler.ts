import { routes } from "../../src/contract/routes.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type HttpDeps, type HttpHandler, httpHandler } from "../http-handler.ts";

/** The document is made when it is first asked for: it costs more than a start should. */
export function createHandler({ app, ...deps }: HttpDeps & Pick<Runtime, "app">): HttpHandler {
  let document: Promise<object> | undefined;
  return httpHandler(
    routes.openapi,
    async ({ basePath }) => {
      document ??= import("./openapi.ts").then(({ openApiDocument }) => openApiDocument(app));
      return { body: { ...(await document), servers: [{ url: basePath || "/" }] } };
    },
    deps,
  );
}
