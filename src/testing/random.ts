/** Numbers from 0 (included) to 1 (not), always the same ones for a seed (Mulberry32, public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs a randomised test with a seed that differs from run to run. A failure says how to repeat it. */
export async function withSeed(body: (random: () => number) => Promise<void> | void): Promise<void> {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
  try {
    await body(seededRandom(seed));
  } catch (error) {
    throw new Error(`failed with SEED=${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
