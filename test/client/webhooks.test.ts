import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { verifyWebhook, WebhookVerificationError } from "../../client/webhooks.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const body = JSON.stringify({ type: "job.completed", data: { id: "job_x" } });

const signed = (secret: string, at = new Date()): Record<string, string> => ({
  "Webhook-Id": "msg_1",
  "Webhook-Timestamp": String(Math.floor(at.getTime() / 1_000)),
  "Webhook-Signature": new Webhook(secret).sign("msg_1", at, body),
});

test("a webhook that was signed with the secret is read, whatever carries its headers", () => {
  expect(verifyWebhook(SECRET, signed(SECRET), body)).toEqual(JSON.parse(body));
  expect(verifyWebhook(SECRET, new Headers(signed(SECRET)), body)).toEqual(JSON.parse(body));
});

test("while a secret changes, both count", () => {
  expect(verifyWebhook([OTHER, SECRET], signed(SECRET), body)).toEqual(JSON.parse(body));
});

test("another secret, another body, an old time and missing headers are refused", () => {
  const refused = (secret: string | string[], headers: Record<string, string>, text = body) =>
    expect(() => verifyWebhook(secret, headers, text)).toThrow(WebhookVerificationError);
  refused(OTHER, signed(SECRET));
  refused(SECRET, signed(SECRET), `${body} `);
  refused(SECRET, signed(SECRET, new Date(Date.now() - 600_000)));
  refused(SECRET, {});
  refused([], signed(SECRET));
  for (const malformed of ["", "whsec_", "whsec_ä", "whsec_abc", undefined as never]) {
    refused(malformed, signed(SECRET));
    refused([OTHER, malformed], signed(SECRET));
    expect(verifyWebhook([malformed, SECRET], signed(SECRET), body)).toEqual(JSON.parse(body));
  }
});
