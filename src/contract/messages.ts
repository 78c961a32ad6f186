import { z } from "zod";
import type { JobId, TenantId } from "./ids.ts";
import { WEBHOOK_EVENTS, type WebhookEvent } from "./webhooks.ts";

/**
 * What travels on topics and in queues: references, never prompts or results. A message says where to look; the
 * log says what is true. Any message may be lost, doubled, late or out of order.
 */
export interface Message {
  /** An EventBridge detail-type, such as `ai.completion.requested`. */
  readonly topic: string;
  readonly detail: MessageDetail;
}

export interface MessageDetail {
  readonly tenant: TenantId;
  readonly jobId: JobId;
  /** The log's last seq when the message was made. */
  readonly seq: number;
  /** The steps to work on, at most {@link STEPS_PER_MESSAGE}; absent on messages about a whole job. */
  readonly stepIds?: readonly string[];
  /** Of a message about a time: when that is, in epoch ms. Until then it is put off, at most {@link MAX_AHEAD_MS} ahead. */
  readonly at?: number;
  /** Its step may have killed the worker that it was on: a dispatcher that can gives it no company (rule 20). */
  readonly alone?: boolean;
  /**
   * Of a message that asks for what was asked for before, since that may have been lost: from then on, in epoch ms, it does
   * not go on waiting for a step that has to wait. Whoever sends such messages does so again.
   */
  readonly spareUntil?: number;
  /** The job's events were announced before: nothing is new. Workers never get such a message. */
  readonly redelivered?: boolean;
  /** Of a message that asks for an attempt to send a webhook. */
  readonly webhook?: WebhookAsk;
  readonly traceparent?: string;
}

/** Which event is to be told to whom. */
export interface WebhookAsk {
  /** See `Told`. */
  readonly to: string;
  readonly event: WebhookEvent;
  /** Of the event. */
  readonly seq: number;
  /** From 1; goes on after a person has asked for another. */
  readonly attempt: number;
}

export const STEPS_PER_MESSAGE = 10;
/** A queue's longest delay, in ms: what lies further ahead waits for the reconciler. */
export const MAX_AHEAD_MS = 900_000;
/** The source of all our events on a bus. */
export const EVENT_SOURCE = "sluice";

export const MessageDetail = z.object({
  tenant: z.string(),
  jobId: z.string(),
  seq: z.number().int().nonnegative(),
  stepIds: z.array(z.string()).min(1).max(STEPS_PER_MESSAGE).optional(),
  at: z.number().int().positive().optional(),
  alone: z.boolean().optional(),
  spareUntil: z.number().int().positive().optional(),
  redelivered: z.boolean().optional(),
  webhook: z
    .object({
      to: z.string(),
      event: z.enum(WEBHOOK_EVENTS),
      seq: z.number().int().positive(),
      attempt: z.number().int().positive(),
    })
    .optional(),
  traceparent: z.string().optional(),
});

/** The part of an EventBridge event that consumers read (docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html). */
export const BusEvent = z.object({ "detail-type": z.string(), detail: MessageDetail });

/** Topics of a capability or a workflow; the two share one name space, which `defineApp` keeps free of clashes. */
export const topics = {
  requested: (name: string): string => `ai.${name}.requested`,
  completed: (name: string): string => `ai.${name}.completed`,
  failed: (name: string): string => `ai.${name}.failed`,
  advance: (workflow: string): string => `ai.${workflow}.advance`,
} as const;

/** The queue of webhooks to send. No capability and no workflow may have its name. */
export const WEBHOOKS = "webhooks";

/** The queue on which a workflow's own advances wait when they could not be made with the result that caused them. */
export const advanceQueue = (workflow: string): string => `${workflow}.advance`;
