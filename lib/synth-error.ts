/** What was given to a construct is wrong: shown at synth, says what was got and what is allowed. */
export class SynthError extends Error {
  override readonly name = "SynthError";
}
