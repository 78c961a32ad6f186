import { z } from "zod";

/** Which web pages of other origins may call the API, and what a browser is told about it (fetch.spec.whatwg.org/#http-cors-protocol). */

/** An origin as browsers send it, such as `https://app.example.org` or `http://localhost:5173`. */
const isOrigin = (text: string): boolean => {
  const url = URL.parse(text);
  // No patterns: an origin is listed or it is not.
  return url !== null && /^https?:[^*']+$/.test(text) && url.origin === text;
};

const ANY = "*";
export const ORIGIN_SHAPE = '"*" or an origin as browsers send it: scheme, host, and a port that is not the usual one';

export const CorsSettings = z.strictObject({
  origins: z.array(z.string().refine((text) => text === ANY || isOrigin(text), `must be ${ORIGIN_SHAPE}`)).min(1),
  /** For how long a browser need not ask again before a request, in seconds. Chromium caps it at 7,200. */
  maxAgeSeconds: z.number().int().min(0).max(86_400).default(600),
});
export type CorsSettings = z.input<typeof CorsSettings>;
export type Cors = z.output<typeof CorsSettings>;

/** What pages may send besides what every page may. `x-tenant-id` counts only where there are no keys. */
export const CORS_REQUEST_HEADERS = [
  "Authorization",
  "Content-Type",
  "Idempotency-Key",
  "Last-Event-ID",
  "Prefer",
  "traceparent",
  "x-tenant-id",
] as const;

/** What pages may read besides what every page may. */
export const CORS_EXPOSED_HEADERS = [
  "Idempotency-Replayed",
  "Location",
  "Preference-Applied",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
] as const;

/** Whether pages of this origin may call. */
export const isListed = (cors: Cors | undefined, origin: string): boolean =>
  cors !== undefined && (cors.origins.includes(ANY) || cors.origins.includes(origin));

/**
 * The headers that let a page read an answer, errors included; none where it may not. There is no
 * `Access-Control-Allow-Credentials`: keys and tickets are no cookies, so "*" gives away nothing that a page does not have.
 */
export function corsHeaders(cors: Cors | undefined, origin: string | undefined): Record<string, string> {
  if (cors === undefined) return {};
  const exposed = { "access-control-expose-headers": CORS_EXPOSED_HEADERS.join(", ") };
  if (cors.origins.includes(ANY)) return { "access-control-allow-origin": ANY, ...exposed };
  // A cache must not give one origin's answer to another.
  const vary = { vary: "Origin" };
  return origin !== undefined && isListed(cors, origin)
    ? { "access-control-allow-origin": origin, ...exposed, ...vary }
    : vary;
}

/** What a browser is told that asks before a request, besides {@link corsHeaders}. @param methods of the path */
export const preflightHeaders = ({ maxAgeSeconds }: Cors, methods: readonly string[]): Record<string, string> => ({
  "access-control-allow-methods": methods.join(", "),
  "access-control-allow-headers": CORS_REQUEST_HEADERS.join(", "),
  "access-control-max-age": String(maxAgeSeconds),
});
