import { Webhook, WebhookVerificationError } from "standardwebhooks";

export { WebhookVerificationError };

/**
 * The body of a webhook that Sluice has sent, as JSON, once its signature and its time are found right (Standard Webhooks).
 * Throws {@link WebhookVerificationError} otherwise. While a secret is changed, give the old one and the new one.
 *
 * @param secret begins with `whsec_`
 * @param headers of the request: `webhook-id`, `webhook-timestamp` and `webhook-signature`
 * @param body as it came, byte by byte: JSON that was parsed and written again has another signature
 */
export function verifyWebhook<T = unknown>(
  secret: string | readonly string[],
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>,
  body: string,
): T {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers);
  const sent = Object.fromEntries(
    entries.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
  const [first, ...others] = typeof secret === "object" ? secret : [secret];
  try {
    return webhookOf(first).verify(body, sent) as T;
  } catch (error) {
    if (others.length === 0) throw error;
    return verifyWebhook<T>(others, headers, body);
  }
}

function webhookOf(secret: string | undefined): Webhook {
  if (!secret) throw new WebhookVerificationError("no secret was given");
  try {
    return new Webhook(secret);
  } catch {
    throw new WebhookVerificationError("the secret is none: whsec_, and Base64 after it");
  }
}
