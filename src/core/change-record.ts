import { ContentionError } from "./errors.ts";
import type { Owner, Records } from "./ports.ts";

const MAX_TRIES = 5;

/**
 * Changes a record, whose text is JSON, whoever else does so at the same time.
 *
 * @param change is given what stands there, undefined for nothing; what it returns is to stand there instead. The same
 *   again, or undefined: nothing is written
 * @returns what stands there then. Throws {@link ContentionError} where others are always faster
 */
export async function changeRecord<T, R extends T | undefined>(
  records: Records,
  { owner, key, what }: { readonly owner: Owner; readonly key: string; readonly what: string },
  change: (kept: T | undefined) => R,
): Promise<R> {
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const stored = await records.get(owner, key);
    const kept = stored && (JSON.parse(stored.text) as T);
    const changed = change(kept);
    if (changed === undefined || changed === kept) return changed;
    if (await records.change(owner, key, JSON.stringify(changed), stored?.version ?? 0)) return changed;
  }
  throw new ContentionError(`${what} could not be changed: ${MAX_TRIES} times another was faster`);
}
