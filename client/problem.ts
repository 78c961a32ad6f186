import type { Problem } from "./wire.ts";

/** The problem document of a refusal. What stands before a server (a gateway, a proxy) answers in its own way: that is quoted. */
export function problemOf(status: number, text: string): Problem {
  const body = jsonOf(text);
  if (isRecord(body) && typeof body.title === "string" && typeof body.detail === "string") {
    return { type: "about:blank", ...body, status } as Problem;
  }
  const message = isRecord(body) && typeof body.message === "string" ? body.message : text.slice(0, 200);
  return { type: "about:blank", title: "Refused", status, detail: message || "no reason was given" };
}

/** `Retry-After` in ms (RFC 9110, section 10.2.3): seconds, or a date. */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
