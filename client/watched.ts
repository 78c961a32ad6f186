import { ConnectionError } from "./errors.ts";
import type { Scope } from "./scope.ts";

export interface Patience {
  readonly firstMs: number;
  readonly silenceMs: number;
}

/**
 * The items of a source that must not be silent. Throws {@link ConnectionError} when none comes for `silenceMs` while one is
 * waited for, the first for `firstMs`, and closes the scope in which the source works however it ends. It does not wait for a source that hangs.
 */
export async function* watched<T>(
  source: AsyncIterable<T>,
  { firstMs, silenceMs }: Patience,
  scope: Scope,
): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let patienceMs = firstMs;
  try {
    for (;;) {
      const item = await within(iterator.next(), patienceMs, scope.signal);
      patienceMs = silenceMs;
      if (item.done) return;
      yield item.value;
    }
  } finally {
    scope.close();
    iterator.return?.().catch(() => {});
  }
}

function within<T>(promise: Promise<T>, ms: number, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => fail(signal.reason);
    const fail = (error: unknown): void => {
      settle();
      reject(error);
    };
    const timer = setTimeout(() => fail(new ConnectionError(`nothing was heard for ${ms} ms`)), ms);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    promise.then((value) => {
      settle();
      resolve(value);
    }, fail);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
