/** The simulated model: this long for an answer, this many at once, the others wait their turn. */
export const ANSWER_MS = 2_000;
export const AT_ONCE = 16;
/** The gateway gives up after this. */
export const GATEWAY_TIMEOUT_MS = 10_000;

/** A prompt that the model answers with itself, at once: it warms up everything on the way. */
export const WARM_UP = "warm-up";
