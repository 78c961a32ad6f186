import { UsageError } from "./read-outputs.ts";

/** What `parse` makes of a command line. What `parseArgs` says is wrong with it becomes a {@link UsageError}, with how the tool is used. */
export function parseOrExplain<T>(parse: () => T, usage: string): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${usage}`);
  }
}

/** Says what has ended a tool, and sets its exit status. An error whose message says all, of one of these classes, is told without its name. */
export function endWith(
  error: Error,
  plain: readonly (abstract new (...args: never[]) => Error)[] = [UsageError],
  exitStatus = 1,
): void {
  console.error(plain.some((each) => error instanceof each) ? error.message : `${error.name}: ${error.message}`);
  process.exitCode = exitStatus;
}
