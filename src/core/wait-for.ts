import type { Clock } from "./ports.ts";

/** Resolves when `begin`'s callback is called, after `withinMs`, or when the signal aborts: whichever comes first. Leaves no timer and no listener behind. */
export function waitFor(
  clock: Clock,
  withinMs: number,
  signal: AbortSignal | undefined,
  begin: (resolve: () => void) => void = () => {},
): Promise<void> {
  return new Promise<void>((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.setTimer(withinMs, done);
    signal?.addEventListener("abort", done);
    begin(done);
  });
}
