import { seededRandom } from "../../src/testing/random.ts";
import { type Ask, hash32 } from "./ask.ts";

/** How a call of the model goes. */
export type Fate =
  | { readonly kind: "answers"; readonly chunks: number; readonly chunkMs: number }
  /** 429, with the seconds to wait. */
  | { readonly kind: "throttles"; readonly retryAfterS: number }
  /** 500 */
  | { readonly kind: "fails" }
  /** The connection ends in the middle of the answer. */
  | { readonly kind: "breaks-off"; readonly chunkMs: number }
  /** Begins, and says nothing more until the caller gives up. */
  | { readonly kind: "hangs" }
  /** 400 */
  | { readonly kind: "refuses" };

/** From this call of a step on, the model answers: its faults alone must not use up a step's attempts. */
const ANSWERS_FROM = 4;

/** The fate of a step's `nth` call (1 is the first): the same for a seed, whatever the order of calls. */
export function fateOf(seed: number, ask: Ask, nth: number): Fate {
  if (ask.refuse) return { kind: "refuses" };
  const random = seededRandom(hash32(`${seed}/${ask.n}/${ask.step}/${nth}`));
  const roll = nth < ANSWERS_FROM ? random() : 1;
  const chunkMs = 15 + Math.floor(random() * 100);
  if (roll < 0.05) return { kind: "throttles", retryAfterS: 1 };
  if (roll < 0.09) return { kind: "fails" };
  if (roll < 0.13) return { kind: "breaks-off", chunkMs };
  if (roll < 0.145) return { kind: "hangs" };
  return { kind: "answers", chunks: 3 + Math.floor(random() * 12), chunkMs };
}
