import type { Update } from "./follow.ts";

/** New text of a step. What belongs together has the same step and attempt, and stands at its offset. */
export interface TextChunk {
  readonly stepId: string;
  readonly attempt: number;
  /** In characters (UTF-16 code units) of the attempt's text. */
  readonly offset: number;
  readonly text: string;
  /** The first of its attempt: what an earlier attempt of the step has said is void. */
  readonly anew: boolean;
}

interface Known {
  readonly attempt: number;
  /** How far the attempt's text is known. */
  length: number;
}

interface Piece {
  readonly stepId: string;
  readonly attempt: number;
  readonly offset: number;
  readonly text: string;
}

/**
 * Puts the text of steps together from `step.progress` events and deltas, which overlap: each character is told once.
 * A delta that runs ahead of a lost one is left out, since the log tells all of it later; one of an earlier attempt, too.
 */
export class TextAssembler {
  readonly #known = new Map<string, Known>();

  /** What an update adds to a step's text, if it does. */
  add(update: Update): TextChunk | undefined {
    if (update.type === "delta") return this.#take(update.delta, false);
    const { event } = update;
    if (event.type !== "step.progress" || event.text === undefined) return undefined;
    const { stepId, attempt, offset, text } = event;
    return this.#take({ stepId, attempt, offset, text }, true);
  }

  /** @param isLogged a gap before it is one of a reader who came late, not of a delta that was lost */
  #take({ stepId, attempt, offset, text }: Piece, isLogged: boolean): TextChunk | undefined {
    let known = this.#known.get(stepId);
    if (known !== undefined && attempt < known.attempt) return undefined;
    const anew = known === undefined || attempt > known.attempt;
    const length = anew ? 0 : (known?.length ?? 0);
    if (offset > length && !isLogged) return undefined;
    const from = Math.max(offset, length);
    const added = text.slice(from - offset);
    if (added === "") return undefined;
    known = { attempt, length: from + added.length };
    this.#known.set(stepId, known);
    return { stepId, attempt, offset: from, text: added, anew };
  }
}
