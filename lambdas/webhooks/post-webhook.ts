import { type LookupAddress, lookup } from "node:dns";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import type { Outcome } from "../../src/core/webhook-delivery.ts";
import { retryAfterMsOf } from "../../src/core/webhook-schedule.ts";
import { isLoopback, namesLoopback, type ReceiverOptions, refusedAddress, refusedUrl } from "./receiver.ts";

export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface PostOptions extends ReceiverOptions {
  /** Looking up, connecting, sending and the answer, in ms. */
  readonly timeoutMs: number;
  readonly nowMs: number;
  /** @default the machine's */
  readonly resolve?: Resolve;
}

export type Resolve = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** The recommended timeout of the specification is 15 to 30 s. */
export const WEBHOOK_TIMEOUT_MS = 15_000;
/** Of an answer, whose status is all that counts. What is longer is cut off. */
const MAX_ANSWER_BYTES = 65_536;
const MAX_HEADER_BYTES = 16_384;

/** Where a webhook must not go. */
class RefusedReceiverError extends Error {
  override readonly name = "RefusedReceiverError";
}

/**
 * Makes one attempt, and never rejects: whatever goes wrong is its outcome.
 *
 * 1. The address that was checked is the one that is connected to: there is no second look-up in between.
 * 2. No redirect is followed, as the specification recommends: where one leads is never looked at.
 * 3. Connections are not shared, and no proxy of the environment is used: each attempt is checked by itself.
 * 4. Of the answer, nothing but its status and `Retry-After` is kept or shown to anybody.
 */
export async function postWebhook(request: WebhookRequest, options: PostOptions): Promise<Outcome> {
  const begunMs = performance.now();
  const latency = (): number => Math.round(performance.now() - begunMs);
  try {
    const response = await send(request, options);
    await drain(response);
    const { statusCode: status = 0, headers } = response;
    const retryAfterMs = status === 429 || status === 503 ? retryAfterMsOf(headers["retry-after"], options.nowMs) : 0;
    return { status, latencyMs: latency(), ...(retryAfterMs > 0 ? { retryAfterMs } : {}) };
  } catch (error) {
    return { error: reasonOf(error as NodeJS.ErrnoException, options.timeoutMs), latencyMs: latency() };
  }
}

function send({ url: text, headers, body }: WebhookRequest, options: PostOptions): Promise<IncomingMessage> {
  const url = new URL(text);
  const refused = refusedUrl(url, options);
  if (refused !== undefined) throw new RefusedReceiverError(refused);
  const isTls = url.protocol === "https:";
  const common: RequestOptions = {
    method: "POST",
    headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
    lookup: guardedLookup(options.allowLoopback && namesLoopback(url), options.resolve),
    signal: AbortSignal.timeout(options.timeoutMs),
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  return new Promise((resolve, reject) => {
    const sent = isTls
      ? httpsRequest(url, { ...common, agent: new HttpsAgent({ keepAlive: false }), rejectUnauthorized: true })
      : httpRequest(url, { ...common, agent: new HttpAgent({ keepAlive: false }) });
    sent.on("response", resolve).on("error", reject);
    // Of a 101 that nobody has asked for there is neither an answer nor an error.
    sent.on("close", () => reject(new Error("the connection ended without an answer")));
    sent.end(body);
  });
}

/** Looks a name up, and fails if any of its addresses is refused: which of them is connected to is not ours to say. */
function guardedLookup(toLoopback: boolean, resolve: Resolve = lookup): LookupFunction {
  return (hostname, { all }, callback) => {
    resolve(hostname, { all: true }, (error, addresses) => {
      if (error) return callback(error, "", 0);
      for (const { address } of addresses) {
        const refused = toLoopback
          ? isLoopback(address)
            ? undefined
            : `${address} is not this machine`
          : refusedAddress(address);
        if (refused !== undefined) return callback(new RefusedReceiverError(`${hostname}: ${refused}`), "", 0);
      }
      const [first] = addresses;
      if (first === undefined) return callback(new Error(`${hostname} has no address`), "", 0);
      // The type knows one of the two forms of answer.
      if (all) (callback as unknown as (error: null, addresses: LookupAddress[]) => void)(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/** Reads the rest of a short answer, so that its sender sees its end; a long, slow or broken one is cut off. */
function drain(response: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) response.destroy();
    });
    response.on("error", () => {});
    response.on("close", resolve);
  });
}

function reasonOf(error: NodeJS.ErrnoException, timeoutMs: number): string {
  if (error.name === "TimeoutError" || (error.cause as Error | undefined)?.name === "TimeoutError") {
    return `no answer within ${timeoutMs} ms`;
  }
  const { code, message } = error;
  return code === undefined || message.includes(code) ? message.slice(0, 300) : `${code}: ${message}`.slice(0, 300);
}
