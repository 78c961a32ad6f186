import { webhookIdOf } from "../../src/contract/webhooks.ts";
import { Deliveries } from "../../src/core/deliveries.ts";
import type { DeadLetter, DeadLetterVerdict } from "../../src/core/ports.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { stillWaits } from "../../src/core/webhook-delivery.ts";

/** A webhook that was given up waits for a person until it is sent again, or until its job is deleted. */
export async function judgeWebhookLetter(
  { message, seq }: DeadLetter,
  { log, records }: Pick<Runtime, "log" | "records">,
): Promise<DeadLetterVerdict> {
  const { jobId, webhook } = message.detail;
  if (webhook === undefined || (await log.read(jobId, 0, 1)).length === 0) return "remove";
  const stored = await new Deliveries(records).get(jobId, webhookIdOf(jobId, webhook.seq, webhook.to));
  return stillWaits(stored?.record, webhook.attempt, seq !== undefined) ? "keep" : "remove";
}
