import type { ErrorInfo } from "../../src/contract/events.ts";

/** Why an instance is not in order, in plain words and with what to look at. */
export class SmokeError extends Error {
  override readonly name = "SmokeError";
}

/** An error with all that caused it. */
export const chain = ({ name, message, cause }: ErrorInfo): string =>
  `${name}: ${message}${cause === undefined ? "" : `\n    caused by ${chain(cause)}`}`;
