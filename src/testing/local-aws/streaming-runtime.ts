import { PassThrough, type Readable, type Writable } from "node:stream";
import type { APIGatewayProxyEvent, Context } from "aws-lambda";

/**
 * Lambda's managed runtime for Node, as far as response streaming goes, and API Gateway's reading of it: a handler that was
 * handed to `streamifyResponse` gets a stream that pushes back; `HttpResponseStream.from` puts status and headers as JSON
 * and eight null bytes before the first write (docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html,
 * docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html). An answer whose handler never
 * wrote has no status.
 */
type StreamingHandler = (event: APIGatewayProxyEvent, stream: Writable, context: Context) => Promise<void>;

const STREAMED = Symbol("streamed");
const DELIMITER = Buffer.alloc(8);
/** Bytes that the runtime takes before it pushes back. */
const HIGH_WATER_MARK = 1_024;

export const awslambda = {
  streamifyResponse: (handler: StreamingHandler): StreamingHandler => Object.assign(handler, { [STREAMED]: true }),
  HttpResponseStream: {
    from(stream: Writable, metadata: object): Writable {
      const write = stream.write.bind(stream) as (chunk: unknown, ...rest: unknown[]) => boolean;
      let first = true;
      stream.write = ((chunk: unknown, ...rest: unknown[]) => {
        if (first) {
          first = false;
          write(JSON.stringify(metadata));
          write(DELIMITER);
        }
        return write(chunk, ...rest);
      }) as Writable["write"];
      return stream;
    },
  },
};

/** An answer as API Gateway passes it on: as it comes. */
export interface StreamedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Takes a chunk only when it is asked for one: until then the function's writes are pushed back. */
  readonly body: AsyncIterableIterator<string>;
  /** Resolves when the invocation has ended, rejects as its handler does. */
  readonly invocation: Promise<void>;
  /** The function's stream, for a test to look at or to break. */
  readonly stream: Writable;
}

/** Calls a handler. Rejects where it is not one for streaming, and where it ends without a status. */
export async function invokeStreaming(
  handler: unknown,
  event: Partial<APIGatewayProxyEvent>,
  remainingMs = 900_000,
): Promise<StreamedAnswer> {
  if (typeof handler !== "function" || !(STREAMED in handler)) throw new TypeError("the handler does not stream");
  const stream = new PassThrough({ highWaterMark: HIGH_WATER_MARK });
  const context = { getRemainingTimeInMillis: () => remainingMs } as Context;
  const invocation = (handler as unknown as StreamingHandler)(event as APIGatewayProxyEvent, stream, context);
  invocation.catch((error: Error) => stream.destroy(error));
  const { prelude, rest } = await preludeOf(stream);
  const { statusCode, headers } = JSON.parse(prelude) as { statusCode: number; headers: Record<string, string> };
  return { status: statusCode, headers, body: textOf(rest, stream), invocation, stream };
}

async function preludeOf(stream: Readable): Promise<{ prelude: string; rest: Buffer }> {
  let read = Buffer.alloc(0);
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    read = Buffer.concat([read, chunk]);
    const end = read.indexOf(DELIMITER);
    if (end >= 0) return { prelude: read.subarray(0, end).toString(), rest: read.subarray(end + DELIMITER.length) };
  }
  throw new Error("the function ended without a status");
}

async function* textOf(rest: Buffer, stream: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  if (rest.length > 0) yield decoder.decode(rest, { stream: true });
  for await (const chunk of stream as AsyncIterable<Buffer>) yield decoder.decode(chunk, { stream: true });
}
