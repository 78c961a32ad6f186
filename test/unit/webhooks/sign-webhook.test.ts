import { Webhook, WebhookVerificationError } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { expect, test } from "vitest";
import { newWebhookSecret, signedHeaders } from "../../../lambdas/webhooks/sign-webhook.ts";

/** The public test vector: github.com/standard-webhooks/standard-webhooks, of its libraries' tests. */
const VECTOR = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

test("signs as the public test vector of Standard Webhooks says", () => {
  const { secret, id, timestamp, body, signature } = VECTOR;
  expect(signedHeaders(id, body, [secret], 1_000 * timestamp)).toMatchObject({
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signature,
  });
});

test("is verified by the libraries of Standard Webhooks and of Svix, by either secret of a rotation, and by no other", () => {
  const [old, current] = [newWebhookSecret(), newWebhookSecret()];
  const body = JSON.stringify({ type: "job.completed", data: { text: "ü€😀" } });
  const headers = { ...signedHeaders("msg_1", body, [current, old], Date.now()) };
  for (const secret of [old, current]) {
    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => new SvixWebhook(secret).verify(body, headers)).not.toThrow();
  }
  expect(() => new Webhook(newWebhookSecret()).verify(body, headers)).toThrow(WebhookVerificationError);
  expect(() => new SvixWebhook(newWebhookSecret()).verify(body, headers)).toThrow();
  expect(() => new Webhook(current).verify(`${body} `, headers)).toThrow(WebhookVerificationError);
});

test("a secret is 32 random bytes, as the specification serializes them", () => {
  const secret = newWebhookSecret();
  expect(secret).toMatch(/^whsec_/);
  expect(Buffer.from(secret.slice(6), "base64")).toHaveLength(32);
  expect(newWebhookSecret()).not.toBe(secret);
});
