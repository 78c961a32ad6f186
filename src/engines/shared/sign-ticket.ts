import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { isJobId, isTenantId, type JobId, type TenantId } from "../../contract/ids.ts";
import type { OpenedTicket, TicketGrant } from "../../core/ports.ts";

/**
 * A ticket is `slt1.PAYLOAD.SIGNATURE`: what is granted, as JSON, and the HMAC-SHA-256 (RFC 2104) of all that is before it,
 * both in base64url. The version is signed, too. It is no secret what a ticket opens; that it does so only the key can say.
 */
const VERSION = "slt1";

const Payload = z
  .strictObject({
    t: z.custom<TenantId>((value) => typeof value === "string" && isTenantId(value)),
    j: z.custom<JobId>((value) => typeof value === "string" && isJobId(value)),
    x: z.int(),
    i: z.string(),
  })
  .transform(({ t: tenant, j: jobId, x: expiresMs, i: id }): OpenedTicket => ({ tenant, jobId, expiresMs, id }));

/** @param key 32 bytes */
export function signTicket({ tenant, jobId, expiresMs }: TicketGrant, key: Uint8Array): string {
  const payload = JSON.stringify({ t: tenant, j: jobId, x: expiresMs, i: randomBytes(16).toString("base64url") });
  const signed = `${VERSION}.${Buffer.from(payload).toString("base64url")}`;
  return `${signed}.${signatureOf(signed, key)}`;
}

/** What this very text grants, or undefined where the key did not sign it. */
export function readTicket(ticket: string, key: Uint8Array): OpenedTicket | undefined {
  const [version, payload = "", signature = "", ...rest] = ticket.split(".");
  if (version !== VERSION || rest.length > 0) return undefined;
  // As text: base64url has more than one for the same bytes, and only one of them was given out.
  const expected = Buffer.from(signatureOf(`${version}.${payload}`, key));
  const got = Buffer.from(signature);
  if (got.length !== expected.length || !timingSafeEqual(got, expected)) return undefined;
  return Payload.parse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
}

const signatureOf = (text: string, key: Uint8Array): string =>
  createHmac("sha256", key).update(text).digest("base64url");
