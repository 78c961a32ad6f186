import { type Cors, corsHeaders } from "../src/contract/cors.ts";
import { headerOf } from "./header-of.ts";
import { eachAnswer, type HttpHandler, type HttpResult } from "./http-handler.ts";

/** A handler whose answers, errors included, pages of the listed origins may read. Without a setting, the handler itself. */
export function withCors(handler: HttpHandler, cors: Cors | undefined): HttpHandler {
  if (cors === undefined) return handler;
  return async (event, context) => addCors(await handler(event, context), cors, headerOf(event.headers, "origin"));
}

/** An answer with what a browser must be told about it. @param origin the request's header */
export function addCors(result: HttpResult, cors: Cors | undefined, origin: string | undefined): HttpResult {
  if (cors === undefined) return result;
  const { vary, ...added } = corsHeaders(cors, origin);
  return eachAnswer(result, ({ headers = {}, ...answer }) => {
    const varies = [headers.vary, vary].filter((each) => each !== undefined);
    return { ...answer, headers: { ...headers, ...added, ...(varies.length > 0 ? { vary: varies.join(", ") } : {}) } };
  });
}
