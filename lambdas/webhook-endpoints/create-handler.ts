import { routes } from "../../src/contract/routes.ts";
import { WebhookEndpoints } from "../../src/core/webhook-endpoints.ts";
import { WebhookSecrets } from "../../src/core/webhook-secrets.ts";
import { type HttpHandler, httpHandler } from "../http-handler.ts";
import { newWebhookSecret } from "../webhooks/sign-webhook.ts";
import {
  addEndpoint,
  deleteEndpoint,
  type EndpointDeps,
  enableEndpoint,
  listDeliveries,
  resendWebhook,
} from "./webhook-endpoints.ts";

/** Serves what tenants say and ask about webhooks. */
export function createHandler(deps: EndpointDeps): HttpHandler {
  const { records, clock } = deps;
  const secrets = new WebhookSecrets(records, newWebhookSecret);
  const add = httpHandler(
    routes.addWebhook,
    async ({ tenant, body }) => ({ body: await addEndpoint(tenant, body, deps) }),
    deps,
  );
  const list = httpHandler(
    routes.listWebhooks,
    async ({ tenant }) => ({ body: { endpoints: await new WebhookEndpoints(records).of(tenant) } }),
    deps,
  );
  const enable = httpHandler(
    routes.enableWebhook,
    async ({ tenant, parameters }) => ({ body: await enableEndpoint(tenant, parameters.endpointId, deps) }),
    deps,
  );
  const remove = httpHandler(
    routes.deleteWebhook,
    async ({ tenant, parameters }) => ({ body: await deleteEndpoint(tenant, parameters.endpointId, deps) }),
    deps,
  );
  const secret = httpHandler(
    routes.getWebhookSecret,
    async ({ tenant }) => ({ body: await secrets.of(tenant, clock.now()) }),
    deps,
  );
  const rotate = httpHandler(
    routes.rotateWebhookSecret,
    async ({ tenant }) => ({ body: await secrets.rotate(tenant, clock.now()) }),
    deps,
  );
  const deliveries = httpHandler(
    routes.listDeliveries,
    async ({ tenant, parameters }) => ({ body: { deliveries: await listDeliveries(tenant, parameters.jobId, deps) } }),
    deps,
  );
  const resend = httpHandler(
    routes.resendWebhook,
    async ({ tenant, parameters: { jobId, webhookId } }) => ({
      body: await resendWebhook(tenant, jobId, webhookId, deps),
    }),
    deps,
  );
  const handlers: ReadonlyMap<string, HttpHandler> = new Map([
    [`POST ${routes.addWebhook.path}`, add],
    [`GET ${routes.listWebhooks.path}`, list],
    [`POST ${routes.enableWebhook.path}`, enable],
    [`DELETE ${routes.deleteWebhook.path}`, remove],
    [`GET ${routes.getWebhookSecret.path}`, secret],
    [`POST ${routes.rotateWebhookSecret.path}`, rotate],
    [`GET ${routes.listDeliveries.path}`, deliveries],
    [`POST ${routes.resendWebhook.path}`, resend],
  ]);
  return (event, context) => {
    const handler = handlers.get(`${event.httpMethod} ${event.resource}`);
    if (handler === undefined) throw new Error(`there is nothing about webhooks at ${event.resource}`);
    return handler(event, context);
  };
}
