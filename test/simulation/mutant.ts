/** One replacement in a source file. `from` must be there exactly once. */
export interface Patch {
  /** From the project's root. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A bug that somebody could have written, planted as the module is loaded. */
export interface Mutant {
  readonly name: string;
  /** What it does, in a sentence. */
  readonly what: string;
  readonly patches: readonly Patch[];
}

export const patch = (file: string, from: string, to: string): Patch => ({ file, from, to });

/** The source with the patch in it. Throws where its text is not there exactly once: the code has moved on, and so must the mutant. */
export function patched(source: string, { file, from, to }: Patch): string {
  const parts = source.split(from);
  if (parts.length === 2) return parts.join(to);
  throw new Error(`${file} has ${parts.length - 1} times what a mutant replaces: ${JSON.stringify(from)}`);
}
