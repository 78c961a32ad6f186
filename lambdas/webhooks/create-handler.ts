import { WEBHOOKS } from "../../src/contract/messages.ts";
import { type QueueHandler, queueHandler } from "../queue-handler.ts";
import { sendWebhook, type WebhookDeps } from "./send-webhook.ts";

/** The worker of the queue of webhooks. */
export function createHandler(deps: WebhookDeps): QueueHandler {
  return queueHandler(WEBHOOKS, (record) => sendWebhook(record, deps), deps);
}
