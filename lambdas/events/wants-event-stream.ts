import { EVENT_STREAM_MEDIA_TYPE } from "../../src/contract/routes.ts";

/**
 * Whether a reader asks for server-sent events by its `Accept` header (RFC 9110, section 12.5.1): by their name, and rather
 * than for JSON or as gladly. One that takes anything gets a page of JSON.
 */
export function wantsEventStream(accept: string): boolean {
  const qualities = new Map(accept.split(",").map(rangeOf));
  const stream = qualities.get(EVENT_STREAM_MEDIA_TYPE) ?? 0;
  const json = qualities.get("application/json") ?? qualities.get("application/*") ?? qualities.get("*/*") ?? 0;
  return stream > 0 && stream >= json;
}

/** A media range and its quality; one that is malformed is none. */
function rangeOf(element: string): readonly [range: string, quality: number] {
  const [range = "", ...parameters] = element.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  if (weight === undefined) return [range, 1];
  return [range, /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight) : 0];
}
