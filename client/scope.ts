/** An abort signal that follows a caller's, can be aborted by itself, and leaves nothing behind on the caller's. */
export interface Scope {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Aborts, and stops following the caller's signal. */
  close(): void;
}

/** `AbortSignal.any` would hold on to every scope for as long as the caller's signal lives. */
export function scopeOf(parent: AbortSignal | undefined): Scope {
  const controller = new AbortController();
  const follow = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) follow();
  else parent?.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    close() {
      parent?.removeEventListener("abort", follow);
      controller.abort(new DOMException("no longer needed", "AbortError"));
    },
  };
}

/** Waits. Rejects with the signal's reason when it aborts. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
