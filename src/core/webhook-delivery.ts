import type { WebhookAsk } from "../contract/messages.ts";
import type { WebhookAttempt, WebhookDelivery } from "../contract/webhooks.ts";
import { iso } from "./iso.ts";
import { webhookWaitMs } from "./webhook-schedule.ts";

/**
 * One event at one webhook: what was tried, and what follows. Kept as a record that is changed by compare-and-set, before each attempt
 * and after it:
 *
 * 1. An attempt is on record before it is made, with a lease: two workers that hold the same message do not both make it.
 * 2. Attempt numbers never restart. A message asks for one attempt by its number: one that was made already asks for nothing.
 * 3. A worker that ends between an attempt and its record leaves a lease that runs out; then the attempt counts as failed, and
 *    the next is made at once: at least once.
 * 4. What follows an attempt is sent before its message is acked. A message that comes a second time sends it again.
 */
export interface DeliveryRecord extends WebhookDelivery {
  /** Attempts before the last person's decision: the schedule counts from here. */
  readonly base: number;
  /** Attempts made or begun. */
  readonly made: number;
  /** The one that is being made. */
  readonly running?: {
    readonly attempt: number;
    readonly at: string;
    readonly holder: string;
    readonly untilMs: number;
  };
}

export interface DeliveryContext {
  readonly nowMs: number;
  /** Names this worker. */
  readonly holder: string;
  /** For how long the attempt may run, in ms. */
  readonly leaseMs: number;
  readonly isGone: (holder: string) => boolean;
  /** The message was received before: whoever had it may have ended in the middle. */
  readonly again: boolean;
}

export type DeliveryDecision =
  /** To be written, and then the attempt made. */
  | { readonly do: "send"; readonly record: DeliveryRecord }
  /** Somebody makes it now. */
  | { readonly do: "wait"; readonly untilMs: number }
  /** It was made; what followed it may not have been sent. */
  | { readonly do: "follow"; readonly record: DeliveryRecord }
  | { readonly do: "drop" };

/** Attempts that stay on record. */
const MAX_SHOWN = 30;

export function newDelivery(id: string, ask: WebhookAsk): DeliveryRecord {
  const { to: webhook, event, seq } = ask;
  return { id, webhook, event, seq, status: "pending", attempts: [], base: 0, made: 0 };
}

/** What the message that asks for this attempt is to lead to. */
export function decideDelivery(
  record: DeliveryRecord,
  { attempt }: Pick<WebhookAsk, "attempt">,
  context: DeliveryContext,
): DeliveryDecision {
  const { nowMs, isGone, again } = context;
  const { running, made, status } = record;
  if (running) {
    if (running.untilMs > nowMs && !isGone(running.holder)) {
      return attempt === made ? { do: "wait", untilMs: running.untilMs } : { do: "drop" };
    }
    return attempt === made ? { do: "send", record: begin(lost(record), context) } : { do: "drop" };
  }
  if (attempt === made && again && (status === "pending" || status === "failed")) return { do: "follow", record };
  if (attempt !== made + 1) return { do: "drop" };
  if (status === "pending") return { do: "send", record: begin(record, context) };
  // Its dead letter was moved back to the queue: a person's decision to try again.
  if (status === "failed") return { do: "send", record: begin(reopened(record), context) };
  return { do: "drop" };
}

/** A person has asked for another attempt: the schedule begins anew. */
export const reopened = ({ reason: _, nextAt: __, ...record }: DeliveryRecord): DeliveryRecord => ({
  ...record,
  status: "pending",
  base: record.made,
});

function begin({ nextAt: _, ...record }: DeliveryRecord, { nowMs, holder, leaseMs }: DeliveryContext): DeliveryRecord {
  const attempt = record.made + 1;
  return { ...record, made: attempt, running: { attempt, at: iso(nowMs), holder, untilMs: nowMs + leaseMs } };
}

function lost(record: DeliveryRecord): DeliveryRecord {
  const error = "its sender ended before it could record the outcome: the receiver may have it";
  return ended(record, { error });
}

function ended(
  { running, ...record }: DeliveryRecord,
  outcome: Omit<WebhookAttempt, "attempt" | "at">,
): DeliveryRecord {
  if (running === undefined) return record;
  const { attempt, at } = running;
  return { ...record, attempts: [...record.attempts, { attempt, at, ...outcome }].slice(-MAX_SHOWN) };
}

/** How an attempt went. */
export interface Outcome {
  readonly status?: number;
  readonly error?: string;
  readonly latencyMs: number;
  /** What the receiver asked for. */
  readonly retryAfterMs?: number;
}

/** The record after its attempt: delivered, waiting for the next, or given up. */
export function decideOutcome(
  record: DeliveryRecord,
  { retryAfterMs, ...outcome }: Outcome,
  nowMs: number,
  random: number,
): DeliveryRecord {
  const after = ended(record, outcome);
  const { status } = outcome;
  if (status !== undefined && status >= 200 && status < 300) return { ...after, status: "delivered" };
  if (status === GONE) return { ...after, status: "failed", reason: "the receiver answered 410: it wants no more" };
  const waitMs = webhookWaitMs(record.made - record.base, random, retryAfterMs);
  if (waitMs === undefined) {
    return { ...after, status: "failed", reason: `${record.made - record.base} attempts in a row have failed` };
  }
  return { ...after, status: "pending", nextAt: iso(nowMs + waitMs) };
}

/** The receiver is no longer interested: what stands for it is to be disabled. */
export const GONE = 410;

export const isGoneFor = ({ status, attempts }: WebhookDelivery): boolean =>
  status === "failed" && attempts.at(-1)?.status === GONE;

/** A record as its owner sees it. */
export function deliveryView({ base: _, made: __, running, ...delivery }: DeliveryRecord): WebhookDelivery {
  if (running === undefined) return delivery;
  const { attempt, at } = running;
  return { ...delivery, attempts: [...delivery.attempts, { attempt, at }] };
}

/**
 * Whether a dead letter that asks for this attempt still means something: as long as nobody has made the attempt or asked for
 * another. One without a seq was set aside by its queue, and may be of a delivery that has not even begun.
 */
export function stillWaits(record: DeliveryRecord | undefined, attempt: number, wasGivenUp: boolean): boolean {
  if (record === undefined) return !wasGivenUp;
  if (wasGivenUp) return record.status === "failed" && attempt === record.made + 1;
  return record.status === "pending" && attempt >= record.made;
}
