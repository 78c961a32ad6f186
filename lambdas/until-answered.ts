import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from "aws-lambda";
import type { Clock } from "../src/core/ports.ts";
import type { HttpHandler } from "./http-handler.ts";

/** Kept of an invocation's time for the answer, in ms: API Gateway waits for 29 s, as the function may take. */
const RESERVE_MS = 2_000;

/** A handler as Lambda calls it, whose answer may wait for a better one for as long as the invocation has time. */
export function untilAnswered(
  handler: HttpHandler,
  clock: Clock,
): (event: APIGatewayProxyEvent, context: Context) => Promise<APIGatewayProxyResult> {
  return async (event, context) => {
    const { later, stream: _, ...now } = await handler(event, context);
    if (later === undefined) return now;
    const ending = new AbortController();
    const withinMs = Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS);
    const cancel = clock.setTimer(withinMs, () => ending.abort());
    try {
      const { later: _later, stream: _stream, ...result } = await later(ending.signal);
      return result;
    } finally {
      cancel();
    }
  };
}
