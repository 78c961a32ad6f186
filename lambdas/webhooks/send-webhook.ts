import { MAX_AHEAD_MS, type MessageDetail, topics, WEBHOOKS, type WebhookAsk } from "../../src/contract/messages.ts";
import { OWN_WEBHOOK, type Told, webhookIdOf } from "../../src/contract/webhooks.ts";
import { Deliveries, type StoredDelivery } from "../../src/core/deliveries.ts";
import { type JobStores, readState } from "../../src/core/read-job.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import type { JobState } from "../../src/core/state.ts";
import {
  type DeliveryRecord,
  decideDelivery,
  decideOutcome,
  isGoneFor,
  newDelivery,
} from "../../src/core/webhook-delivery.ts";
import { WebhookEndpoints } from "../../src/core/webhook-endpoints.ts";
import { signingSecrets, WebhookSecrets } from "../../src/core/webhook-secrets.ts";
import { inSpan } from "../../src/telemetry/trace.ts";
import { postWebhook, WEBHOOK_TIMEOUT_MS } from "./post-webhook.ts";
import { newWebhookSecret, signedHeaders } from "./sign-webhook.ts";
import { webhookBody } from "./webhook-body.ts";

/** What sending webhooks takes: nothing of the app, and nothing that could write to a log. */
export type WebhookDeps = JobStores &
  Pick<Runtime, "records" | "queue" | "clock" | "holder" | "isGone" | "logger" | "metrics" | "webhooksToLoopback"> & {
    /** From 0 (included) to 1 (not), for jitter. */
    readonly random: () => number;
  };

interface Ask {
  readonly detail: MessageDetail;
  /** 1 where the message is received for the first time. */
  readonly receiveCount: number;
  /** When the invocation is cut off, in epoch ms. */
  readonly endsAtMs: number;
}

interface Handled {
  readonly retryAfterMs: number | undefined;
}

/** For what an attempt still has to do after its answer, in ms. */
const MARGIN_MS = 5_000;
/** How long an attempt is another's business at most: longer than it can take, by clocks that are 10 s apart. */
const LEASE_MS = WEBHOOK_TIMEOUT_MS + 25_000;
const CONFLICT_WAIT_MS = 1_000;
const DONE: Handled = { retryAfterMs: undefined };

/** Makes the attempt that a message asks for, unless it was made, and sees to what follows. Never waits for a time. */
export async function sendWebhook(ask: Ask, deps: WebhookDeps): Promise<Handled> {
  const { detail } = ask;
  const { queue, clock, logger } = deps;
  const { webhook, jobId, at = 0, traceparent } = detail;
  if (webhook === undefined) {
    logger.warn("message without a webhook dropped", { jobId });
    return DONE;
  }
  const aheadMs = at - clock.now();
  if (aheadMs > 0) {
    const message = { topic: topics.requested(WEBHOOKS), detail };
    await queue.defer(WEBHOOKS, message, Math.min(aheadMs, MAX_AHEAD_MS));
    return DONE;
  }
  const attributes = { "sluice.job.id": jobId, "sluice.webhook.event": webhook.event };
  return inSpan("webhook", { kind: "consumer", traceparent, attributes }, () => attempt(webhook, ask, deps));
}

async function attempt(
  webhook: WebhookAsk,
  { detail, receiveCount, endsAtMs }: Ask,
  deps: WebhookDeps,
): Promise<Handled> {
  const { clock, holder, isGone, records } = deps;
  const { jobId, tenant } = detail;
  const state = await readState(deps, jobId);
  const told = state?.webhooks?.find((each) => each.webhook === webhook.to);
  // Gone with its job, or never asked for.
  if (state === undefined || state.tenant !== tenant || told === undefined) return DONE;
  const deliveries = new Deliveries(records);
  const id = webhookIdOf(jobId, webhook.seq, webhook.to);
  const { record, version }: StoredDelivery = (await deliveries.get(jobId, id)) ?? {
    record: newDelivery(id, webhook),
    version: 0,
  };
  const context = { nowMs: clock.now(), holder, leaseMs: LEASE_MS, isGone, again: receiveCount > 1 };
  const decision = decideDelivery(record, webhook, context);
  switch (decision.do) {
    case "drop":
      return DONE;
    case "wait":
      return { retryAfterMs: decision.untilMs - clock.now() };
    case "follow":
      await follow(decision.record, detail, state.expiresMs, deps);
      return DONE;
    case "send":
      break;
  }
  const receiver = await receiverOf(told, state, deliveries, deps);
  const begun =
    "url" in receiver ? decision.record : { ...record, status: "skipped" as const, reason: receiver.skipped };
  if (!(await deliveries.change(jobId, begun, version, state.expiresMs))) return { retryAfterMs: CONFLICT_WAIT_MS };
  if (!("url" in receiver)) return DONE;
  const outcome = await post(receiver.url, begun, state, endsAtMs, deps);
  const after = decideOutcome(begun, outcome, clock.now(), deps.random());
  // It is on record, though the answer said otherwise, or another has taken it over: what comes of it, a second look tells.
  if (!(await deliveries.change(jobId, after, version + 1, state.expiresMs))) return { retryAfterMs: CONFLICT_WAIT_MS };
  observe(after, outcome, deps);
  await follow(after, detail, state.expiresMs, deps);
  return DONE;
}

type Receiver = { readonly url: string } | { readonly skipped: string };

async function receiverOf(
  told: Told,
  { tenant, jobId }: JobState,
  deliveries: Deliveries,
  { records }: WebhookDeps,
): Promise<Receiver> {
  if (told.webhook === OWN_WEBHOOK) {
    return (await deliveries.isOwnGone(jobId))
      ? { skipped: "the receiver has answered 410 before" }
      : { url: told.url ?? "" };
  }
  const endpoint = await new WebhookEndpoints(records).get(tenant, told.webhook);
  if (endpoint === undefined) return { skipped: "the endpoint was deleted" };
  const { url, disabledAt, disabledBecause } = endpoint;
  return disabledAt === undefined ? { url } : { skipped: `the endpoint is disabled: ${disabledBecause}` };
}

async function post(url: string, { id, seq }: DeliveryRecord, state: JobState, endsAtMs: number, deps: WebhookDeps) {
  const { clock, records, webhooksToLoopback = false } = deps;
  const body = await webhookBody(state, seq, deps);
  if (body === undefined) return { error: `the job has no event ${seq} that could be told`, latencyMs: 0 };
  const nowMs = clock.now();
  const secret = await new WebhookSecrets(records, newWebhookSecret).of(state.tenant, nowMs);
  const headers = signedHeaders(id, body, signingSecrets(secret), nowMs);
  const timeoutMs = Math.max(1_000, Math.min(WEBHOOK_TIMEOUT_MS, endsAtMs - nowMs - MARGIN_MS));
  return postWebhook({ url, headers, body }, { timeoutMs, nowMs, allowLoopback: webhooksToLoopback });
}

/** What follows a record: the next attempt, a dead letter for a person, or the end of an endpoint that wants no more. */
async function follow(
  record: DeliveryRecord,
  { at: _, ...detail }: MessageDetail,
  expiresMs: number,
  deps: WebhookDeps,
): Promise<void> {
  const { queue, clock, records } = deps;
  const { webhook: to, event, seq, made, status, nextAt, reason = "" } = record;
  const next = { ...detail, webhook: { to, event, seq, attempt: made + 1 } };
  const message = (more: Partial<MessageDetail> = {}) => ({
    topic: topics.requested(WEBHOOKS),
    detail: { ...next, ...more },
  });
  if (status === "pending") {
    const atMs = nextAt === undefined ? clock.now() : Date.parse(nextAt);
    const aheadMs = Math.max(0, atMs - clock.now());
    await queue.defer(WEBHOOKS, message({ at: atMs }), Math.min(aheadMs, MAX_AHEAD_MS));
  } else if (isGoneFor(record)) {
    if (to === OWN_WEBHOOK) await new Deliveries(records).setOwnGone(detail.jobId, true, expiresMs);
    else await new WebhookEndpoints(records).disable(detail.tenant, to, reason, clock.now());
  } else if (status === "failed") {
    await queue.deadLetter(WEBHOOKS, message(), { reason, seq });
  }
}

function observe(
  { status, made, id }: DeliveryRecord,
  outcome: { latencyMs: number; status?: number; error?: string },
  { metrics, logger }: WebhookDeps,
): void {
  metrics.record("WebhookDuration", outcome.latencyMs, "Milliseconds");
  if (status === "delivered") {
    metrics.record("WebhooksDelivered", 1, "Count");
    return;
  }
  metrics.record("WebhookAttemptsFailed", 1, "Count");
  if (status === "failed") metrics.record("WebhooksGivenUp", 1, "Count");
  logger.info("webhook not delivered", { webhookId: id, attempt: made, status: outcome.status });
}
