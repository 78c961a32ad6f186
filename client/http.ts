import { ConnectionError, OptionError, SluiceError } from "./errors.ts";
import { problemOf, retryAfterMs } from "./problem.ts";
import { type RetryPolicy, retryDelay } from "./retry.ts";
import { pause, scopeOf } from "./scope.ts";
import { checkHeader } from "./sendable.ts";

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

export interface Request {
  readonly method?: "GET" | "POST";
  /** Below the API's URL, without the first `/`. */
  readonly path: string;
  /** What is undefined is left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export interface JsonRequest extends Request {
  /** Doing it twice does no more than doing it once, so it may be sent again after a lost answer. @default for GET */
  readonly repeatable?: boolean;
  /** Longer than the policy's by so much, where the server is asked to wait. */
  readonly extraMs?: number;
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** Calls the API, by `fetch`. Throws {@link SluiceError}, {@link ConnectionError}, or the reason of the caller's signal. */
export class Http {
  readonly base: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: Fetch;
  readonly #policy: RetryPolicy;

  constructor(base: URL, headers: Readonly<Record<string, string>>, doFetch: Fetch, policy: RetryPolicy) {
    this.base = base;
    this.#headers = headers;
    this.#fetch = doFetch;
    this.#policy = policy;
  }

  /** A JSON answer, asked for again as the policy allows. */
  async json<T>(request: JsonRequest): Promise<Answer<T>> {
    const repeatable = request.repeatable ?? (request.method ?? "GET") === "GET";
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.once<T>(request);
      } catch (error) {
        const delayMs = retryDelay(this.#policy, { attempt, error, repeatable }, Math.random());
        if (delayMs === undefined) throw error;
        await pause(delayMs, request.signal);
      }
    }
  }

  /** A JSON answer, asked for once. */
  async once<T>(request: JsonRequest): Promise<Answer<T>> {
    const scope = scopeOf(request.signal);
    const timeoutMs = this.#policy.requestTimeoutMs + (request.extraMs ?? 0);
    const timer = setTimeout(() => scope.abort(new ConnectionError(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      const response = await this.open({ ...request, signal: scope.signal });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: parsed<T>(response, text) };
    } catch (error) {
      throw reasonOf(error, scope.signal);
    } finally {
      clearTimeout(timer);
      scope.close();
    }
  }

  /** An answer whose body is still to be read. It has no timeout of its own. */
  async open({ method = "GET", path, query = {}, headers, body, signal }: Request): Promise<Response> {
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    for (const [name, value] of Object.entries(headers ?? {})) checkHeader(value, name);
    const init: RequestInit = {
      method,
      headers: {
        accept: "application/json",
        ...this.#headers,
        ...headers,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    };
    try {
      const response = await this.#fetch(url.href, init);
      if (response.ok) return response;
      throw new SluiceError(
        problemOf(response.status, await response.text()),
        retryAfterMs(response.headers, Date.now()),
      );
    } catch (error) {
      // Without the query, which has the ticket.
      throw reasonOf(error, signal, url.origin + url.pathname);
    }
  }
}

/** What to tell of a failure: why it was aborted, what the server said, or that it did not say anything. */
export function reasonOf(error: unknown, signal: AbortSignal | undefined, url = "the server"): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof SluiceError || error instanceof ConnectionError || error instanceof OptionError) return error;
  const { message, cause } = error instanceof Error ? error : new Error(String(error));
  const why = cause instanceof Error && cause.message !== "" ? cause.message : message;
  return new ConnectionError(`${url} does not answer: ${why}`, { cause: error });
}

function parsed<T>(response: Response, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    const type = response.headers.get("content-type") ?? "no media type";
    const detail = `${response.url.split("?")[0]} answered ${response.status} with ${type}, not with JSON: is that Sluice's URL?`;
    throw new SluiceError({ type: "about:blank", title: "Unexpected answer", status: response.status, detail });
  }
}
