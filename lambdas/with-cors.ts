import { type Cors, corsHeaders } from "../src/contract/cors.ts";
import type { HttpHandler, HttpResult } from "./http-handler.ts";

/** A handler whose answers, errors included, pages of the listed origins may read. Without a setting, the handler itself. */
export function withCors(handler: HttpHandler, cors: Cors | undefined): HttpHandler {
  if (cors === undefined) return handler;
  return async (event, context) => addCors(await handler(event, context), cors, originOf(event.headers));
}

/** An answer with what a browser must be told about it. @param origin the request's header */
export function addCors(result: HttpResult, cors: Cors | undefined, origin: string | undefined): HttpResult {
  if (cors === undefined) return result;
  const { later, headers = {} } = result;
  const { vary, ...added } = corsHeaders(cors, origin);
  const varies = [headers.vary, vary].filter((each) => each !== undefined);
  return {
    ...result,
    headers: { ...headers, ...added, ...(varies.length > 0 ? { vary: varies.join(", ") } : {}) },
    ...(later ? { later: async (signal) => addCors(await later(signal), cors, origin) } : {}),
  };
}

function originOf(headers: Readonly<Record<string, string | undefined>> | null): string | undefined {
  for (const [name, value] of Object.entries(headers ?? {})) if (name.toLowerCase() === "origin") return value;
  return undefined;
}
