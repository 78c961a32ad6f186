import { type Commit, eventsOf, type JobEvent } from "../contract/events.ts";

/** What a person can decide about a dead letter, by the event that says so. `step.completed`: answered by hand. */
export type DecisionType = "step.redriven" | "step.completed" | "step.discarded";

export interface DecisionKind {
  readonly type: DecisionType;
  /** The redrive brings an input: one that had none was another decision. */
  readonly isEdit?: boolean;
}

/** Which dead letters of a job are meant: of one step, that of this very seq, those that were there at a seq of the job's. */
export interface LetterFilter {
  readonly stepId?: string | undefined;
  readonly seq?: number | undefined;
  readonly asOf?: number | undefined;
}

export const isMeant = (letter: { readonly stepId: string; readonly seq: number }, filter: LetterFilter): boolean =>
  (filter.stepId ?? letter.stepId) === letter.stepId &&
  (filter.seq ?? letter.seq) === letter.seq &&
  (filter.asOf ?? letter.seq) >= letter.seq;

/**
 * Whether a dead letter that is meant was decided on in this way already: whoever asks for it now asks once more. Nobody can
 * tell without a seq: each request is a decision of its own then.
 */
export function wasDecided(commits: readonly Commit[], filter: LetterFilter, kind: DecisionKind): boolean {
  const seenTo = filter.asOf ?? filter.seq;
  if (seenTo === undefined) return false;
  const waiting = new Set<string>();
  for (const event of commits.flatMap(eventsOf)) {
    if (event.type === "step.dead_lettered" && isMeant(event, filter)) waiting.add(event.stepId);
    else if (isAnswer(event) && waiting.delete(event.stepId)) {
      if (event.seq > seenTo && isOfKind(event, kind)) return true;
    }
  }
  return false;
}

function isOfKind(event: Answer, { type, isEdit = false }: DecisionKind): boolean {
  if (event.type !== type) return false;
  if (event.type === "step.redriven") return !isEdit || event.input !== undefined;
  return event.type !== "step.completed" || event.by === "person";
}

type Answer = Extract<JobEvent, { type: DecisionType }>;

const isAnswer = (event: JobEvent): event is Answer =>
  event.type === "step.redriven" || event.type === "step.completed" || event.type === "step.discarded";
