/** Runs an invocation of a function, named by its construct's path; the first of a container is cold. */
export type AroundInvocation = <T>(
  about: { readonly function: string; readonly records: number; readonly cold: boolean },
  invoke: () => Promise<T>,
) => Promise<T>;
