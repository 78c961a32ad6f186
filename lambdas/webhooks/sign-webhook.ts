import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";

/** As long as a SHA-256, whose key it is. */
const SECRET_BYTES = 32;

/** A secret as receivers' libraries take it. */
export const newWebhookSecret = (): string => `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;

/**
 * The headers of an attempt: github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#webhook-headers-sending-metadata-to-consumers.
 * One signature for each secret, so that a receiver may know any of them.
 */
export function signedHeaders(
  id: string,
  body: string,
  secrets: readonly string[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const signatures = secrets.map((secret) => new Webhook(secret).sign(id, new Date(nowMs), body));
  return {
    "content-type": "application/json",
    "user-agent": "Sluice-Webhooks/1",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(nowMs / 1_000)),
    "webhook-signature": signatures.join(" "),
  };
}
