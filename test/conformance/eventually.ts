/**
 * Reads until what is read is as wanted, and resolves with it. Throws with what was read last when that takes too long.
 *
 * @param what was waited for, for the message
 */
export async function eventually<T>(
  what: string,
  read: () => Promise<T>,
  wanted: (value: T) => boolean,
  { withinMs, pollMs }: { readonly withinMs: number; readonly pollMs: number },
): Promise<T> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const value = await read();
    if (wanted(value)) return value;
    if (performance.now() > endMs) {
      throw new Error(`${what}: not within ${withinMs} ms; last: ${JSON.stringify(value).slice(0, 2_000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
