/** A corpus cannot be opened: says what was got and what is allowed. Meant for the person who starts the host. */
export class CorpusError extends Error {
  override readonly name = "CorpusError";
}
