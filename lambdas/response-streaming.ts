import type { Writable } from "node:stream";
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from "aws-lambda";
import type { Clock } from "../src/core/ports.ts";
import type { HttpHandler, HttpResult } from "./http-handler.ts";
import { writeStream } from "./write-stream.ts";

/** What Lambda's managed runtime for Node puts into the global scope (docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html). */
export interface LambdaStreaming {
  streamifyResponse(handler: StreamingHandler): StreamingHandler;
  readonly HttpResponseStream: {
    from(stream: Writable, metadata: { readonly statusCode: number; readonly headers: object }): Writable;
  };
}
export type StreamingHandler = (event: APIGatewayProxyEvent, stream: Writable, context: Context) => Promise<void>;
export type BufferedHandler = (event: APIGatewayProxyEvent, context: Context) => Promise<APIGatewayProxyResult>;

/** API Gateway streams an answer for 15 min (docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html). */
export const MAX_STREAM_MS = 14 * 60_000;
/** Kept of an invocation's time for ending in order, in ms. */
const RESERVE_MS = 10_000;
/** An answer that is no stream may have 6 MB; what is left out the reader gets when it comes back. */
const MAX_BUFFERED_CHARACTERS = 1_500_000;

/**
 * A handler as Lambda calls it that streams its answers, also those that are no streams. Where the runtime cannot, as in an
 * emulator or a test, it answers with what there is at that moment; a reader of events comes back for the rest.
 */
export function responseStreaming(handler: HttpHandler, clock: Clock): StreamingHandler | BufferedHandler {
  const { awslambda } = globalThis as unknown as { readonly awslambda?: Partial<LambdaStreaming> };
  // A package of the SDK makes the object where there is none, and puts a store of its own there.
  const { streamifyResponse, HttpResponseStream } = awslambda ?? {};
  if (streamifyResponse === undefined || HttpResponseStream === undefined) {
    const answer: BufferedHandler = async (event, context) => buffered(await handler(event, context));
    return answer;
  }
  return streamifyResponse(async (event: APIGatewayProxyEvent, stream: Writable, context: Context) => {
    const result = await handler(event, context);
    const { statusCode, headers = {} } = result;
    const ending = new AbortController();
    const limitMs = Math.min(MAX_STREAM_MS, context.getRemainingTimeInMillis() - RESERVE_MS);
    const cancel = clock.setTimer(Math.max(0, limitMs), () => ending.abort());
    const body = HttpResponseStream.from(stream, { statusCode, headers });
    body.once("close", () => ending.abort());
    // The runtime sends status and headers with the first write: an answer without a body has one, too.
    body.write("");
    try {
      await writeStream(result.stream?.(ending.signal) ?? only(result.body), body, clock);
    } finally {
      cancel();
    }
  });
}

async function* only(body: string): AsyncGenerator<string> {
  if (body !== "") yield body;
}

async function buffered({ stream, later: _, ...result }: HttpResult): Promise<APIGatewayProxyResult> {
  if (stream === undefined) return result;
  let body = "";
  for await (const piece of stream(AbortSignal.abort())) {
    if (body.length > 0 && body.length + piece.length > MAX_BUFFERED_CHARACTERS) break;
    body += piece;
  }
  return { ...result, body };
}
