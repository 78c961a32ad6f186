/** What one word of a log line may be: a class, a code, an id; no text that somebody wrote. */
const WORD = /^[\w.$:/-]{1,100}$/;
/** SQLite's own text for a result code. */
const ERRSTR = /^[\w ,'-]{1,100}$/;
const FRAME = /^ {4}at (?:(?:async |new )*[\w.$<>#[\] ]+ \()?(?:file:\/\/|node:)?[\w./@+%-]+:\d+:\d+\)?$/;
const MAX_FRAMES = 6;

/**
 * What a log line says of an error: its class, its code, where it was thrown, which request of AWS it was. Never its
 * message, which may quote a prompt, an answer or a key.
 */
export function errorKeys(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { error: `thrown ${typeof error}` };
  const { code, errstr, $metadata } = error as {
    code?: unknown;
    errstr?: unknown;
    $metadata?: { requestId?: unknown };
  };
  const at = framesOf(error);
  return {
    error: wordOf(error.name) ?? "Error",
    ...optional("code", wordOf(code)),
    ...optional("sqlite", typeof errstr === "string" && ERRSTR.test(errstr) ? errstr : undefined),
    ...optional("awsRequestId", wordOf($metadata?.requestId)),
    ...optional("cause", error.cause instanceof Error ? (wordOf(error.cause.name) ?? "Error") : undefined),
    ...optional("at", at.length > 0 ? at : undefined),
  };
}

const wordOf = (value: unknown): string | undefined =>
  typeof value === "string" && WORD.test(value) ? value : undefined;

const optional = (key: string, value: unknown): object => (value === undefined ? {} : { [key]: value });

/** A stack begins with the message: what looks like a frame counts only after it. */
function framesOf({ stack, message }: Error): string[] {
  const begin = typeof stack === "string" ? stack.indexOf(message) : -1;
  if (typeof stack !== "string" || begin < 0 || stack.slice(0, begin).includes("\n")) return [];
  return stack
    .slice(begin + message.length)
    .split("\n")
    .filter((line) => FRAME.test(line))
    .slice(0, MAX_FRAMES)
    .map((line) => line.trim().slice("at ".length));
}
