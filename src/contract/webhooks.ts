import { z } from "zod";
import { type EventOf, TERMINAL_EVENTS } from "./events.ts";
import type { JobId, TenantId } from "./ids.ts";

/**
 * Webhooks as callers see them: what they ask for, what they are sent, and how it went. Payload, headers and signatures are
 * those of Standard Webhooks (github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 */

/** Events that can be told by a webhook. */
export const WEBHOOK_EVENTS = [...TERMINAL_EVENTS, "step.completed", "step.dead_lettered"] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];
/** A tenant's endpoints. */
export const MAX_ENDPOINTS = 10;
/** The name of a job's own webhook among those that its events are told to; the others are ids of endpoints. */
export const OWN_WEBHOOK = "own";

export const isWebhookEvent = (type: string): type is WebhookEvent =>
  (WEBHOOK_EVENTS as readonly string[]).includes(type);

const instant = z.iso.datetime();
const got = (value: string): string => JSON.stringify(value.slice(0, 200));

/** Whether it may lead where it leads is for the deployment to say: here is only what holds everywhere. */
const WebhookUrl = z
  .string()
  .max(2_000)
  .superRefine((text, context) => {
    const url = URL.parse(text);
    if (url === null) return void context.addIssue(`must be an absolute URL; got ${got(text)}`);
    const { protocol, username, password, hash } = url;
    if (protocol !== "https:" && protocol !== "http:") context.addIssue(`must begin with https://; got ${got(text)}`);
    if (username !== "" || password !== "") {
      context.addIssue("must have no user name and no password: the signature says who sends it");
    }
    if (hash !== "") context.addIssue(`must have no fragment, which is never sent; got ${got(hash)}`);
  });

const Events = z
  .array(z.enum(WEBHOOK_EVENTS))
  .min(1)
  .transform((events) => [...new Set(events)])
  .default([...TERMINAL_EVENTS])
  .describe("Those that are told");

/** Where events are told, and which. */
export const WebhookRequest = z.strictObject({ url: WebhookUrl, events: Events }).meta({ id: "WebhookRequest" });
export type WebhookRequest = z.output<typeof WebhookRequest>;

const ENDPOINT_ID = /^we_[a-z2-7]{26}$/;
export const EndpointIdParam = z
  .string()
  .regex(ENDPOINT_ID, "must be an endpoint's id: we_ and 26 characters of a-z, 2-7");

/** The same for all attempts of one event at one webhook: the header `webhook-id`. It has no full stop, as the specification asks. */
export const webhookIdOf = (jobId: JobId, seq: number, webhook: string): string =>
  `msg_${jobId.slice(4)}_${seq}_${webhook}`;
export const WebhookIdParam = z
  .string()
  .regex(/^msg_[a-z2-7]{26}_[1-9]\d{0,9}_(own|we_[a-z2-7]{26})$/, "must be the `webhook-id` of a delivery of this job");

export const WebhookEndpoint = z
  .object({
    id: z.string(),
    url: z.string(),
    events: z.array(z.enum(WEBHOOK_EVENTS)),
    createdAt: instant,
    disabledAt: instant.optional().describe("Since then it is sent nothing"),
    disabledBecause: z.string().optional(),
  })
  .meta({
    id: "WebhookEndpoint",
    description: "Is told events of all jobs that its tenant submits while it is enabled.",
  });
export type WebhookEndpoint = z.infer<typeof WebhookEndpoint>;

export const WebhookEndpointList = z
  .object({ endpoints: z.array(WebhookEndpoint) })
  .meta({ id: "WebhookEndpointList" });

export const WebhookSecret = z
  .object({
    secret: z.string().describe("`whsec_` and base64: the key of all signatures of this tenant's webhooks"),
    previous: z.object({ secret: z.string(), until: instant }).optional().describe("Signs as well, until then"),
  })
  .meta({ id: "WebhookSecret" });
export type WebhookSecret = z.infer<typeof WebhookSecret>;

/** For which the secret before a rotation signs beside the new one, in ms. */
export const SECRET_OVERLAP_MS = 86_400_000;

export const WebhookAttempt = z
  .object({
    attempt: z.number().int(),
    at: instant,
    status: z.number().int().optional().describe("Of the receiver's answer"),
    error: z.string().optional().describe("Why it counts as failed, where no status says so"),
    latencyMs: z.number().int().optional(),
  })
  .meta({ id: "WebhookAttempt" });
export type WebhookAttempt = z.infer<typeof WebhookAttempt>;

export const WebhookDelivery = z
  .object({
    id: z.string().describe("The header `webhook-id`"),
    webhook: z.string().describe("`own`, or the endpoint's id"),
    event: z.enum(WEBHOOK_EVENTS),
    seq: z.number().int().describe("Of the event"),
    status: z
      .enum(["pending", "delivered", "failed", "skipped"])
      .describe("failed: no further attempt is made by itself. skipped: the webhook was disabled or deleted by then"),
    reason: z.string().optional(),
    nextAt: instant.optional().describe("While pending: when the next attempt is due"),
    attempts: z.array(WebhookAttempt).describe("The last 30"),
  })
  .meta({ id: "WebhookDelivery" });
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

export const WebhookDeliveryList = z
  .object({ deliveries: z.array(WebhookDelivery) })
  .meta({ id: "WebhookDeliveryList" });

/** Whom a job's events are told, as its submission has found it. */
export type Told = NonNullable<EventOf<"job.submitted">["webhooks"]>[number];

/** The body of a webhook. `timestamp` is the event's; that of the attempt is in the header. */
export interface WebhookPayload {
  readonly type: WebhookEvent;
  readonly timestamp: string;
  readonly data: {
    readonly jobId: JobId;
    readonly tenant: TenantId;
    readonly seq: number;
    /** Paths below the HTTP API. */
    readonly links: { readonly self: string; readonly events: string };
    /** Of a terminal event: the job as GET shows it, unless that is too large. */
    readonly job?: unknown;
    /** Of a step's event. */
    readonly stepId?: string;
    readonly capability?: string;
    readonly error?: unknown;
  };
}

/** A payload's largest size, in bytes: what is larger leaves the job out. */
export const MAX_PAYLOAD_BYTES = 262_144;
