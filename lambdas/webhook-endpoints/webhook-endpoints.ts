import { randomBytes } from "node:crypto";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { jobIdFrom } from "../../src/contract/ids.ts";
import { topics, WEBHOOKS } from "../../src/contract/messages.ts";
import { ProblemError } from "../../src/contract/problem.ts";
import {
  MAX_ENDPOINTS,
  OWN_WEBHOOK,
  type WebhookDelivery,
  type WebhookEndpoint,
  type WebhookRequest,
} from "../../src/contract/webhooks.ts";
import { Deliveries } from "../../src/core/deliveries.ts";
import { ContentionError } from "../../src/core/errors.ts";
import { iso } from "../../src/core/iso.ts";
import { detailOf } from "../../src/core/message-detail.ts";
import { readState } from "../../src/core/read-job.ts";
import type { JobState } from "../../src/core/state.ts";
import { deliveryView, reopened } from "../../src/core/webhook-delivery.ts";
import { WebhookEndpoints } from "../../src/core/webhook-endpoints.ts";
import { noSuchJob } from "../jobs/jobs.ts";
import { checkReceiver } from "../webhooks/check-receiver.ts";
import type { WebhookDeps } from "../webhooks/send-webhook.ts";

const MAX_TRIES = 5;

export type EndpointDeps = Omit<WebhookDeps, "random">;

/** Adds an endpoint. A 409 where the tenant has {@link MAX_ENDPOINTS} already, a 400 for a URL that none may have. */
export async function addEndpoint(
  tenant: TenantId,
  { url, events }: WebhookRequest,
  deps: EndpointDeps,
): Promise<WebhookEndpoint> {
  checkReceiver(url, "/url", deps);
  const endpoints = new WebhookEndpoints(deps.records);
  const had = await endpoints.of(tenant);
  if (had.length >= MAX_ENDPOINTS) {
    const detail = `this tenant has ${had.length} endpoints, and at most ${MAX_ENDPOINTS} are allowed; delete one that is not used`;
    throw new ProblemError({ title: "Too many endpoints", status: 409, detail });
  }
  const id = `we_${jobIdFrom(randomBytes(17)).slice(4)}`;
  const endpoint = { id, url, events: [...events], createdAt: iso(deps.clock.now()) };
  await endpoints.add(tenant, endpoint);
  return endpoint;
}

export async function enableEndpoint(
  tenant: TenantId,
  id: string,
  { records }: EndpointDeps,
): Promise<WebhookEndpoint> {
  return (await new WebhookEndpoints(records).enable(tenant, id)) ?? noSuchEndpoint(id);
}

export async function deleteEndpoint(
  tenant: TenantId,
  id: string,
  { records }: EndpointDeps,
): Promise<WebhookEndpoint> {
  return (await new WebhookEndpoints(records).remove(tenant, id)) ?? noSuchEndpoint(id);
}

/** The delivery log of a job. */
export async function listDeliveries(tenant: TenantId, jobId: JobId, deps: EndpointDeps): Promise<WebhookDelivery[]> {
  await jobOf(tenant, jobId, deps);
  return (await new Deliveries(deps.records).of(jobId)).map(deliveryView);
}

/**
 * Has a webhook sent once more. On record first and then asked for: where the latter fails, a repeat of the request asks again.
 * While an attempt is being made there is nothing to ask for.
 */
export async function resendWebhook(
  tenant: TenantId,
  jobId: JobId,
  id: string,
  deps: EndpointDeps,
): Promise<WebhookDelivery> {
  const state = await jobOf(tenant, jobId, deps);
  const deliveries = new Deliveries(deps.records);
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const stored = await deliveries.get(jobId, id);
    if (stored === undefined) {
      const detail = `job ${jobId} has no webhook ${id}`;
      throw new ProblemError({ title: "No such webhook", status: 404, detail });
    }
    const { running, ...record } = stored.record;
    if (running && running.untilMs > deps.clock.now() && !deps.isGone(running.holder))
      return deliveryView(stored.record);
    const asked = reopened(record);
    if (!(await deliveries.change(jobId, asked, stored.version, state.expiresMs))) continue;
    const { webhook: to, event, seq, made } = asked;
    if (to === OWN_WEBHOOK) await deliveries.setOwnGone(jobId, false, state.expiresMs);
    const detail = { ...detailOf(state), webhook: { to, event, seq, attempt: made + 1 } };
    await deps.queue.defer(WEBHOOKS, { topic: topics.requested(WEBHOOKS), detail }, 0);
    return deliveryView(asked);
  }
  throw new ContentionError(`webhook ${id} could not be changed: ${MAX_TRIES} times another was faster`);
}

async function jobOf(tenant: TenantId, jobId: JobId, deps: EndpointDeps): Promise<JobState> {
  const state = await readState(deps, jobId);
  if (state === undefined || state.tenant !== tenant) throw noSuchJob(jobId);
  return state;
}

function noSuchEndpoint(id: string): never {
  throw new ProblemError({ title: "No such endpoint", status: 404, detail: `this tenant has no endpoint ${id}` });
}
