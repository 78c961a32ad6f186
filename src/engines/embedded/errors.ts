/** The data directory cannot be used as it is. The message says what was found and what to do. */
export class DataError extends Error {
  override readonly name = "DataError";
}
